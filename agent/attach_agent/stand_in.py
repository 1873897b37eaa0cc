"""The stand-ins for what is in ``sys`` while an operator's code runs: each passes everything on to what is chosen.

They may outlive the agent, so this module imports nothing and knows nothing of it.
"""


def always(thing):
    """The choice of a stand-in that is out of use."""
    return lambda: thing


class Nowhere:
    """For a program without this stream: what it writes goes nowhere, as with ``print`` where the stream is None."""

    def write(self, text):
        return len(text)

    def flush(self):
        pass

    def __bool__(self):
        return False


class Stream:
    """A stand-in for a stream. Only what the language looks up in the type is written out here."""

    __slots__ = ("_live_attach",)

    def __init__(self, choose):
        object.__setattr__(self, "_live_attach", choose)

    @property
    def __class__(self):
        return self._live_attach().__class__

    def __getattr__(self, name):
        return getattr(self._live_attach(), name)

    def __setattr__(self, name, value):
        setattr(self._live_attach(), name, value)

    def __delattr__(self, name):
        delattr(self._live_attach(), name)

    def __dir__(self):
        return dir(self._live_attach())

    def __repr__(self):
        return repr(self._live_attach())

    def __bool__(self):
        return bool(self._live_attach())

    def __iter__(self):
        return iter(self._live_attach())

    def __next__(self):
        return next(self._live_attach())

    def __enter__(self):
        return self._live_attach().__enter__()

    def __exit__(self, *error):
        return self._live_attach().__exit__(*error)


class Beside(Stream):
    """A stand-in for a stream: what is written to it is handed to `share`, with what writes it to the stream."""

    __slots__ = ("_live_attach_share",)

    def __init__(self, choose, share):
        Stream.__init__(self, choose)
        object.__setattr__(self, "_live_attach_share", share)

    def write(self, data):
        return self._live_attach_share(data, self._live_attach().write)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    @property
    def buffer(self):
        under = self._live_attach().buffer

        def share(data, write):
            return self._live_attach_share(data, write)  # what it is then

        return Beside(always(under), share)


def alone(data, write):
    """How a `Beside` shares that is out of use."""
    return write(data)


class Function:
    """A stand-in for a function. It has no frame while what it stands for runs: that one's caller is its own caller."""

    __slots__ = ("_live_attach",)

    def __init__(self, choose):
        self._live_attach = choose

    @property
    def __call__(self):  # looked up, and then called, by C (Objects/typeobject.c, slot_tp_call)
        return self._live_attach()

    def __getattr__(self, name):
        return getattr(self._live_attach(), name)


class Arguments(list):
    """A stand-in for ``sys.argv``: a list, for those that insist, which itself holds the program's arguments."""

    def __init__(self, choose):
        super().__init__(choose())
        self._live_attach = choose

    def __reduce_ex__(self, protocol):
        return list, (list(self._live_attach()),)

    def __radd__(self, other):
        return other + self._live_attach()

    def __iadd__(self, other):
        self._live_attach().extend(other)
        return self

    def __imul__(self, times):
        self._live_attach()[:] = self._live_attach() * times
        return self


def _passing_on(name):
    def method(self, *args, **options):
        return getattr(self._live_attach(), name)(*args, **options)

    return method


_NAMES = (
    *("__getitem__", "__setitem__", "__delitem__", "__iter__", "__reversed__", "__len__", "__contains__", "__repr__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__add__", "__mul__", "__rmul__"),
    *("append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"),
)
for _name in _NAMES:
    setattr(Arguments, _name, _passing_on(_name))
