"""Evaluating at a prompt, so that nothing is replaced which other threads of the program use."""

from __future__ import annotations

import sys

from .variables import Variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OWN_FILES = "<live-attach>"


def evaluating(base: type[Any], modules: dict[str, Any]) -> type[Any]:
    """`base`, whose commands touch nothing but the thread they run in; for nested debuggers as well.

    `modules` are the process's own, imported before anything was stopped.
    """
    format_exception_only = modules["traceback"].format_exception_only
    variables = Variables()

    class Evaluating(base):  # type: ignore[misc]
        #: (our displayhook, the program's) while a statement is evaluated
        hooked: tuple[Any, Any] | None = None
        frame_variables = variables

        def default(self, line: str) -> None:
            """Evaluate a line of Python in the frame, without replacing anything that other threads use."""
            text = line[1:].lstrip() if line[:1] == "!" else line
            frame = self.curframe
            names = variables.read(frame)
            try:
                try:
                    code = compile(text, "<stdin>", "eval")
                except SyntaxError:
                    try:
                        closure = getattr(self, "_exec_in_closure", None)
                        if not closure or not closure(text, frame.f_globals, names):
                            self._execute(compile(text + "\n", "<stdin>", "single"), frame.f_globals, names)
                    finally:
                        variables.write(frame)
                else:
                    value = eval(code, frame.f_globals, names)
                    if value is not None:
                        self.message(repr(value))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.error(format_exception_only(type(error), error)[-1].strip())

        def error(self, text: str) -> None:
            """Of an exception that is being handled here: it may not be the operator's."""
            self.own_session.take_foreign(sys.exc_info()[1])
            super().error(text)

        def _execute(self, code: Any, module_globals: dict[str, Any], names: Any) -> None:
            """A statement; the values of expressions in it go to the operator, other threads' to whom they belong."""
            ident, here, before = self.own_session.ident, self.own_session.ident(), sys.displayhook

            def show(value: object) -> None:
                if ident() != here:
                    before(value)
                elif value is not None:
                    self.message(repr(value))

            self.hooked = show, before
            sys.displayhook = show
            try:
                exec(code, module_globals, names)
            finally:
                if sys.displayhook is show:
                    sys.displayhook = before
                self.hooked = None

        def do_interact(self, _arg: str) -> None:
            """interact
            Run Python, with copies of the frame's variables; exit() comes back.
            """
            # not code.interact: it imports readline, and leaves `_`, sys.ps1 and sys.last_exc for all to see
            frame = self.curframe
            names = {**frame.f_globals, **variables.read(frame)}
            self.message("*interactive: exit() comes back*")
            while True:
                self.stdout.write(">>> ")
                text = self.stdin.readline()
                if text.strip() in ("exit()", "quit()") or not text:
                    return
                try:
                    self._execute(compile(text.rstrip() + "\n", "<console>", "single"), names, names)
                except KeyboardInterrupt:
                    self.message("KeyboardInterrupt")
                except BaseException as error:
                    self.own_session.take_foreign(error)
                    lines = modules["traceback"].format_exception(type(error), error, below_us(error.__traceback__))
                    self.message("".join(lines).rstrip())

        def do_run(self, _arg: str) -> None:
            """run | restart
            Not here: the program is a live one.
            """
            self.error("a live program is not restarted")

        do_restart = do_run

        def help_pdb(self) -> None:  # pdb's own starts a pager on the terminal of the server
            self.message(modules["pdb"].__doc__ or "")

    return Evaluating


class WithoutReadline:
    """In the block ``readline`` cannot be imported: it would take over a terminal, and handle SIGWINCH."""

    def __enter__(self) -> None:
        self._absent = "readline" not in sys.modules
        if self._absent:
            sys.modules["readline"] = None  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        if self._absent and sys.modules.get("readline") is None:
            sys.modules.pop("readline", None)


def below_us(traceback: Any) -> Any:
    """What of it is not ours."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename[:13] == OWN_FILES:
        traceback = traceback.tb_next
    return traceback
