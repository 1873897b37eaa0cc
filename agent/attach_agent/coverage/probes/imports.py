"""Modules imported from now on run with probes: importlib's own function gives us their code before it executes it.

Each loader of importlib executes a module by ``_call_with_frames_removed(exec, code, module.__dict__)``
(Lib/importlib/_bootstrap_external.py). Its ``__code__`` is exchanged, so that nothing can be seen on ``sys.meta_path``
or in any module, and tracebacks through it stay as short as they were.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

_STOCK = "def _call_with_frames_removed(f, *args, **kwds):\n    return f(*args, **kwds)\n"
#: The string stands for the hook: no name of the module's namespace is needed.
_HOOKED = _STOCK.replace("\n", "\n    args = 'the hook'.format(f, args)\n", 1)

#: Where our own code is.
_OWN = __file__.rpartition("probes/")[0]


class ImportHook:
    """`replacement` gets code and namespace of each module, in the thread that imports it."""

    def __init__(self, replacement: Callable[[CodeType, dict[str, Any]], CodeType]) -> None:
        self._replacement = replacement
        self._function = sys.modules["_frozen_importlib"].__dict__["_call_with_frames_removed"]
        self._original: CodeType = self._function.__code__
        self.code_id = id(self.format.__code__)

    def is_usable(self) -> bool:
        """Is the function the one that we know?"""
        stock = _code_of(_STOCK, self._original.co_filename)
        return type(self._original) is type(stock) and (self._original.co_code, self._original.co_varnames) == (
            stock.co_code,
            stock.co_varnames,
        )

    def install(self) -> None:
        code = _code_of(_HOOKED, self._original.co_filename)
        constants = tuple(self if item == "the hook" else item for item in code.co_consts)
        self._new = code.replace(co_consts=constants, co_firstlineno=self._original.co_firstlineno)
        self._function.__code__ = self._new

    def remove(self) -> None:
        if self._function.__code__ is self._new:
            self._function.__code__ = self._original

    def format(self, function: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Called as ``'the hook'.format`` by the function: what it shall call `function` with."""
        if (
            function is exec
            and len(arguments) == 2
            and type(arguments[0]) is type(self._original)
            and type(arguments[1]) is dict
        ):
            try:
                return self._replacement(arguments[0], arguments[1]), arguments[1]
            except Exception as error:
                if not _is_ours(error):  # of a signal handler of the target, and meant for the code that imports
                    raise
        return arguments


def _is_ours(error: Exception) -> bool:
    """Was it raised by our code, not by something of the target that ran on top of it?"""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_code.co_filename.startswith(_OWN)


def _code_of(text: str, filename: str) -> CodeType:
    module = compile(text, filename, "exec", 0, True)
    code: CodeType = next(item for item in module.co_consts if type(item) is type(module))
    return code
