"""Classes: bodies, inheritance, metaclasses, descriptors, special methods that C calls, dataclasses, enums."""

import abc
import collections
import dataclasses
import enum
import functools
import gc
import json
import pickle
import typing
import weakref


class Empty: pass


class Documented:
    """A docstring."""


class OneLine: value = 1; other = 2


class Ellipsed(Empty): ...


def decorate(cls):
    cls.decorated = True
    return cls


def decorate_with(*args):
    def decorator(cls):
        return cls
    return decorator


class Meta(type):
    """A metaclass with everything."""

    @classmethod
    def __prepare__(mcs, name, bases, **options):
        return {}

    def __new__(mcs, name, bases, namespace, **options):
        return super().__new__(mcs, name, bases, namespace)

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace)

    def __call__(cls, *args):
        return super().__call__(*args)

    def __instancecheck__(cls, instance):
        return True


class Base(
    metaclass=Meta,
    option=1,
):
    registry = []

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls.registry.append(cls)


@decorate
@decorate_with(
    1,
    2,
)
class Derived(
    Base,
    Empty,
    option=2,
):
    if Base:
        chosen = 1
    else:
        chosen = 2
    for number in range(2):
        chosen += number
    try:
        missing
    except NameError:
        missing = 1
    with open("/dev/null") as file:
        pass
    del file, number

    class Inner:
        value = 1

        class Innermost:
            value = 2

            def method(self):
                return __class__

    def __init__(self, value=None):
        super().__init__()
        self.value = value

    @property
    def doubled(self):
        return self.value * 2

    @doubled.setter
    def doubled(self, value):
        self.value = value / 2

    @doubled.deleter
    def doubled(self):
        del self.value

    @classmethod
    def make(cls):
        return cls(1)

    @staticmethod
    def static(
        a,
        b=2,
    ):
        return a + b

    @functools.lru_cache()
    def cached(self):
        return 1

    def __private(self):
        return 1

    def public(self):
        return self.__private()

    def never(self):
        return 1


class Descriptor:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner):
        if instance is None:
            return self
        return getattr(instance, self.name, 0)

    def __set__(self, instance, value):
        setattr(instance, self.name, value)

    def __delete__(self, instance):
        delattr(instance, self.name)


class Special:
    """What operators, builtins and C code call."""

    __slots__ = ("n", "_managed", "__weakref__")
    managed = Descriptor()

    def __new__(cls, n):
        return super().__new__(cls)

    def __init__(self, n):
        self.n = n

    def __repr__(self):
        return "Special(%d)" % self.n

    def __eq__(self, other):
        return self.n == other.n

    def __lt__(self, other):
        return self.n < other.n

    def __hash__(self):
        return hash(
            self.n
        )

    def __bool__(self):
        return self.n != 0

    def __len__(self):
        return self.n

    def __contains__(self, item):
        return item == self.n

    def __getitem__(self, key):
        if isinstance(key, slice):
            return key.start
        if key > self.n:
            raise IndexError
        return key

    def __setitem__(self, key, value):
        self.n = value

    def __delitem__(self, key):
        self.n = 0

    def __getattr__(self, name):
        if name.startswith("no"):
            raise AttributeError(name)
        return name

    def __call__(self, *args):
        return args

    def __add__(self, other):
        return Special(self.n + (other.n if isinstance(other, Special) else other))

    def __radd__(self, other):
        return self + other

    def __iadd__(self, other):
        self.n += other
        return self

    def __neg__(self): return Special(-self.n)

    def __index__(self):
        return self.n

    def __int__(self):
        return self.n

    def __format__(self, spec):
        return spec

    def __reduce__(self):
        return Special, (self.n,)

    def __dir__(self):
        return ["n"]

    def __sizeof__(self):
        return 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def __del__(self):
        global DELETED
        DELETED += 1


DELETED = 0


class Cycle:
    def __init__(self):
        self.me = self

    def __del__(self):
        if self.me:
            self.me = None


class Failing:
    def __del__(self):
        for value in (1,):
            del value


class Abstract(abc.ABC):
    @abc.abstractmethod
    def method(self):
        """To be written."""

    @property
    @abc.abstractmethod
    def attribute(self):
        raise NotImplementedError

    @classmethod
    def __subclasshook__(cls, other):
        return NotImplemented


class Concrete(Abstract):
    def method(self):
        return super().method()

    attribute = 1


class Protocol(typing.Protocol):
    def method(self) -> int: ...

    def other(self) -> int:
        ...


class Colour(enum.Enum):
    RED = 1
    GREEN = enum.auto()
    BLUE = (
        "b",
        "l",
    )

    @property
    def lower(self):
        return self.name.lower()

    @classmethod
    def _missing_(cls, value):
        return cls.RED


class Bits(enum.IntFlag):
    A = 1
    B = 2
    AB = A | B


@dataclasses.dataclass(order=True)
class Data:
    a: int
    b: str = "x"
    c: typing.List[int] = dataclasses.field(
        default_factory=lambda: [
            1,
        ],
    )

    def __post_init__(self):
        self.b += "!"


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: int = 1
    computed: int = dataclasses.field(init=False, default=2)


class Named(typing.NamedTuple):
    a: int
    b: int = 2

    def total(self):
        return self.a + self.b


class Typed(typing.TypedDict):
    a: int


Point = collections.namedtuple(
    "Point",
    "x y",
    defaults=[
        1,
    ],
)
Made = type("Made", (Empty,), {"method": lambda self: 1})
T = typing.TypeVar("T")


class Generic(typing.Generic[T]):
    def __class_getitem__(cls, item):
        return cls

    def method(self, value: T) -> T:
        return value


class WithSlots(dict):
    __slots__ = (
        "a",
        "b",
    )

    def __missing__(self, key):
        return key


class Encoder(json.JSONEncoder):
    def default(self, value):
        if isinstance(value, Empty):
            return "empty"
        return super().default(value)


def special():
    s, t = Special(1), Special(2)
    repr(s), s == t, sorted([t, s]), {s, t}, bool(s), len(s), 1 in s, list(s), s[1:2], s.some
    s[0] = 3
    del s[0]
    try:
        s.nothing
    except AttributeError:
        pass
    s(1), s + t, sum([s, t]), -s, [1, 2, 3][t], int(s), f"{s:abc}", "{:x}".format(t)
    s += 1
    pickle.loads(pickle.dumps(s))
    dir(s)
    weakref.ref(s, lambda reference: reference)
    s.managed = 1
    s.managed, Special.managed
    del s.managed
    with s as entered:
        del entered
    del s, t
    return DELETED


def derived():
    d = Derived.make()
    d.doubled = 4
    del d.doubled
    d.value = 1
    return d.doubled, d.static(1), d.cached(), d.public(), d.Inner.Innermost().method(), isinstance(1, Base)


def local():
    @decorate
    class Local(Base):
        attribute = [
            n
            for n in range(2)
        ]

        def method(self):
            return super()

    return Local().method()


def main():
    special()
    derived()
    local()
    cycle = Cycle()
    del cycle
    gc.collect()
    Failing()
    Concrete().method()
    try:
        Abstract()
    except TypeError:
        pass
    Colour.RED.lower, Colour(7), Bits.A | Bits.B
    Data(1) < Data(2)
    repr(Data(1)), Frozen()
    Named(1).total()
    Point(1)
    Made().method()
    Generic[int]().method(1)
    WithSlots()["a"]
    json.dumps([Empty()], cls=Encoder)
    json.loads('{"a": {"b": 1}}', object_hook=lambda value: value)
