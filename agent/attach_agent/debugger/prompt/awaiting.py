"""asyncio at the debugger's prompt: ``await``, and which tasks wait for the one that is stopped."""

from __future__ import annotations

import sys

from ...looking.frames import prepare
from ...looking.graph import Graph
from ...looking.tasks import Asyncio
from .nested import NestedLoop, NoLoop, OfTheProgram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Seconds that an ``await`` may take, during which the program's other tasks run.
SECONDS = 10.0
#: Tasks that are told of one chain, or in all.
MOST = 20

#: PyCF_ALLOW_TOP_LEVEL_AWAIT and CO_COROUTINE
_AWAIT, _COROUTINE = 0x2000, 0x80


def awaiting(live: type[Any], modules: dict[str, Any]) -> type[Any]:
    """`live`, the class of a session's debugger, with asyncio."""
    format_exception_only = modules["traceback"].format_exception_only
    prepare()

    class Awaiting(live):  # type: ignore[misc]
        def default(self, line: str) -> None:
            """Evaluate a line of Python; one with ``await`` in the loop that the stopped thread runs."""
            text = line[1:].lstrip() if line[:1] == "!" else line
            code = awaits(text)
            if code is None:
                super().default(line)
                return
            frame = self.curframe
            try:
                value = self.awaited(code, frame.f_globals, self.frame_variables.read(frame))
                if value is not None:
                    self.message(repr(value))
            except KeyboardInterrupt:
                raise
            except NoLoop as error:
                self.error(str(error))
            except BaseException as error:
                self.error(format_exception_only(type(error), error)[-1].strip())
            finally:
                self.frame_variables.write(frame)

        def awaited(self, code: Any, module_globals: dict[str, Any], names: Any) -> Any:
            """The value of an expression with ``await``, or of a statement, which is None."""
            session, loop = self.session, NestedLoop()
            shared = []

            def others_run() -> None:
                session.note("other tasks of this loop run while this waits")
                shared.append(session.capture.resume(True))

            # while others run nothing may be raised in them: Ctrl-C is noticed between two rounds of the loop
            interrupts = session.dialogue.evaluating(loop)
            interrupts.finish()
            try:
                return loop.run(eval(code, module_globals, names), SECONDS, others_run)
            except OfTheProgram as error:
                session.end_by(error.__cause__)
                return None
            finally:
                if shared:
                    session.capture.suspend(self.curframe)
                session.dialogue.evaluating(interrupts)
                interrupts.begin(session.thread_ident())

        def do_where(self, arg: str) -> Any:
            """w(here) | bt
            Print a stack trace, with the most recent frame at the bottom; below it the tasks that wait for this one.
            """
            result = super().do_where(arg)
            for text in waiting_tasks():
                self.message(text)
            return result

        do_w = do_bt = do_where

        def do_tasks(self, _arg: str) -> None:
            """tasks
            List the tasks of asyncio, and what each of them waits for.
            """
            found = Asyncio()
            loop = running_loop()
            tasks = found.tasks([loop] if loop is not None else [], self.session.debugger.pause)
            graph = Graph(found, tasks, [], {}, {})
            for task in tasks[:MOST]:
                self.message(told(found, graph, task, tasks))
            if len(tasks) > MOST:
                self.message("... and %d more:  attach PID threads  shows all" % (len(tasks) - MOST))
            if not tasks:
                self.message("there are no tasks of asyncio")

    return Awaiting


def awaits(text: str) -> Any:
    """The code of an expression or statement that awaits something at its top level; None for any other."""
    if "await" not in text and "async" not in text:
        return None
    for mode in ("eval", "exec"):
        try:
            compile(text, "<stdin>", mode, 0, True)
            return None  # it may be run as it is
        except SyntaxError:
            pass
        try:
            code = compile(text, "<stdin>", mode, _AWAIT, True)
        except SyntaxError:
            continue
        return code if code.co_flags & _COROUTINE else None
    return None


def running_loop() -> Any:
    """That of this thread."""
    return getattr(sys.modules.get("asyncio.events"), "_get_running_loop", lambda: None)()


def waiting_tasks() -> list[str]:
    """Of the task that this thread runs: its name, and the chain of those that wait for it."""
    loop, found = running_loop(), Asyncio()
    if loop is None or not found.kinds:
        return []
    task = found.module.current_task(loop)
    tasks = found.tasks([loop], lambda seconds: None)
    if task is None or not any(task is other for other in tasks):
        return []
    graph = Graph(found, tasks, [], {}, {})
    rows = [graph.row(other)[0] for other in tasks]
    number: int | None = tasks.index(task)
    seen: set[int] = set()
    lines: list[str] = []
    word = "in"
    while number is not None and number not in seen and len(lines) < MOST:
        seen.add(number)
        lines.append("%s task %s, %s()" % (word, rows[number][0], rows[number][3]))
        waiters = list(rows[number][8]) + [other for other, row in enumerate(rows) if number in row[7]]
        number, word = next((other for other in waiters if other not in seen), None), "awaited by"
    return lines


def told(found: Asyncio, graph: Graph, task: Any, tasks: list[Any]) -> str:
    """One line for a task."""
    row, _ = graph.row(task)
    text = "%s  %s(), %s" % (row[0], row[3], row[1])
    if row[6]:
        names = ", ".join([found.name(tasks[number]) for number in row[7]])
        text += " for %s" % (names if row[6] == "task" and names else row[6] + ("(%s)" % names if names else ""))
    return text
