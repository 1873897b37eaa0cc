"""Memory of code objects, read and written: what probes and their removal need of ctypes. CPython 3.8 - 3.11."""

from __future__ import annotations

import _ctypes
import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

_WORD = 8
_BYTES_HEADER = bytes.__basicsize__ - 1  # ob_sval
_CODE_HEADER = type((lambda: None).__code__).__basicsize__  # 3.11: co_code_adaptive
_TUPLE_ITEMS = tuple.__basicsize__  # ob_item


class _Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "B"


class _Pointer(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "P"


_nowhere: list[Any] = []


class Window(_ctypes._Pointer):  # type: ignore[type-arg]
    """The bytes from an address on; a constant of the code that they belong to.

    It never owns them. So `close` has to come before they may go away.
    """

    _type_ = _Byte
    __hash__ = object.__hash__  # code objects hash their constants

    #: Where windows look that are closed: a copy of the code may still run its probes, with the agent gone.
    nowhere = _nowhere

    def __reduce__(self) -> tuple[type[Any], tuple[()]]:
        """Pickled by value with its code, as cloudpickle does, it is something to write to that nobody reads."""
        return dict, ()

    def look_at(self, address: int) -> None:
        target = _Pointer(address)
        _copy(_ctypes.addressof(self), _ctypes.addressof(target), _WORD)


class _Unmarshallable:
    """Among the constants of code with probes it makes ``marshal`` refuse the code, whose windows it would not keep."""

    __slots__ = ()

    def __reduce__(self) -> tuple[type[Any], tuple[()]]:
        return tuple, ()


UNMARSHALLABLE = _Unmarshallable()


def close(windows: list[Window], size: int) -> None:
    """From here on they look at memory of their own, at least `size` bytes, that stays as long as any of them."""
    nowhere = _nowhere
    if not nowhere or len(nowhere[-1]) < size:
        nowhere.append(type("Nowhere", (_ctypes.Array,), {"_type_": _Byte, "_length_": size})())
    address = _ctypes.addressof(nowhere[-1])
    for window in windows:
        window.look_at(address)


def look_at_code(window: Window, code: CodeType) -> None:
    """Until 3.10 instructions are a bytes object of their own, in 3.11 they are part of the code object."""
    if sys.version_info >= (3, 11):
        window.look_at(id(code) + _CODE_HEADER)
    else:
        window.look_at(id(code.co_code) + _BYTES_HEADER)


def exchange(constants: tuple[Any, ...], index: int, new: object) -> None:
    """``constants[index] = new``, in place: code that runs loads its constants from this very tuple.

    Who calls this holds a reference to what is there before.
    """
    old = constants[index]
    _incref(id(new))
    value = _Pointer(id(new))
    _copy(id(constants) + _TUPLE_ITEMS + index * _WORD, _ctypes.addressof(value), _WORD)
    _decref(id(old))


def untrack_constants(code: CodeType) -> None:
    """Spare the garbage collector the constants of `code` and their window, which refer to nothing that refers to them.

    The collector does so itself with tuples of simple things; a window is none in its eyes.
    """
    constants = code.co_consts
    for item in constants:
        if type(item) is Window:
            untrack(item)
        elif gc.is_tracked(item):
            return
    untrack(constants)


def untrack(item: object) -> None:
    """Spare the garbage collector an object that is part of no cycle."""
    _untrack(id(item))


def frames_are_evaluated_elsewhere() -> bool:
    """Has something replaced the interpreter's loop (PEP 523)? It may read bytecode. Python 3.8 does not tell."""
    if sys.version_info < (3, 9):
        return False
    library = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]
    interpreter = _returning(_Pointer, _ctypes.dlsym(library, "PyInterpreterState_Get"))()
    evaluator = _returning(_Pointer, _ctypes.dlsym(library, "_PyInterpreterState_GetEvalFrameFunc"), _Pointer)
    return bool(evaluator(interpreter) != _ctypes.dlsym(library, "_PyEval_EvalFrameDefault"))


def _returning(result: Any, address: int, *arguments: Any) -> Any:
    """A C function that is called with the GIL held."""
    flags = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
    body = {"_flags_": flags, "_restype_": result, "_argtypes_": arguments}
    return type("Function", (_ctypes.CFuncPtr,), body)(address)


def _function(name: str) -> Any:
    """One of CPython's functions that takes an object and returns nothing."""
    library = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]  # the whole program, RTLD_NOW
    return _returning(None, _ctypes.dlsym(library, name), _Pointer)


class _Size(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "L"


_copy = _returning(None, _ctypes._memmove_addr, _Pointer, _Pointer, _Size)  # type: ignore[attr-defined]
_incref = _function("Py_IncRef")
_decref = _function("Py_DecRef")
_untrack = _function("PyObject_GC_UnTrack")

untrack(UNMARSHALLABLE)
