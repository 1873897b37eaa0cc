"""The capture of a pytest run in whose thread the operator stops, after pytest's own ``_pytest/debugging.py``.

pytest is not imported, and not looked for where it does not run: its frames are on the stack of the stopped thread.
"""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

#: So many bytes of what a test has captured are looked at, and so many characters of that are shown.
MOST_READ = 1 << 24
MOST_SHOWN = 1 << 16

#: MultiCapture._state while it captures, in pytest 5.4 and later, and in 5.0 - 5.3 and 6.
_CAPTURING = ("started", "resumed")


class RunningTest:
    """The test that runs in the thread that is stopped, if one does; `show` gets text for the operator."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        #: pytest's CaptureManager, if it is us who have suspended it: one item, or none
        self._suspended: list[Any] = []
        self._item: Any = None
        #: (when, "stdout" | "stderr" | "log") -> how many characters the operator has seen
        self._seen: dict[tuple[str, str], int] = {}

    def suspend(self, frame: FrameType, seen: bool) -> None:
        """Suspend the capture, if it is on, and show what was captured since the last time; not the output if `seen`.

        A thread that pytest does not wait for is left alone: its capture goes on and off while that one is stopped.
        """
        config, item, when = running(frame)
        if config is None:
            return
        try:
            if item is not None:
                self._show_captured(config, item, when, seen)
            manager = config.pluginmanager.getplugin("capturemanager")
            if manager is not None and not self._suspended and is_capturing(manager):
                self._suspended.append(manager)
                manager.suspend(in_=True)
        except Exception:  # a pytest unlike those we know: its capture stays as it is
            self.resume()

    def resume(self) -> None:
        """Exactly what `suspend` has suspended."""
        while self._suspended:
            manager = self._suspended[-1]
            manager.resume()
            self._suspended.pop()

    def _show_captured(self, config: Any, item: Any, when: str, seen: bool) -> None:
        if item is not self._item:
            self._item, self._seen = item, {}
        wanted = getattr(config.option, "showcapture", "all")
        finished = [((phase, key), text) for phase, key, text in getattr(item, "_report_sections", ())]
        for (phase, key), text in finished + [((when, key), text) for key, text in captured_now(config)]:
            before = self._seen.get((phase, key), 0)
            self._seen[phase, key] = max(before, len(text))
            new = text[before:]
            if new and wanted in (key, "all") and not (seen and key != "log"):
                if len(new) > MOST_SHOWN:
                    new = "... %d characters before this\n%s" % (len(new) - MOST_SHOWN, new[-MOST_SHOWN:])
                title = " captured %s%s " % (key, "" if phase in ("", "call") else " " + phase)
                self._show("%s\n%s%s" % (title.center(70, ">"), new, "" if new.endswith("\n") else "\n"))


def running(frame: FrameType) -> tuple[Any, Any, str]:
    """pytest's Config, the test, and its phase ("setup", "call", "teardown") of the innermost run on this stack."""
    item, when = None, ""
    caller: FrameType | None = frame
    while caller is not None:
        module, function = caller.f_globals.get("__name__"), caller.f_code.co_name
        if module == "_pytest.runner" and function == "runtestprotocol":
            item = caller.f_locals.get("item")
        elif module == "_pytest.runner" and function in ("call_and_report", "call_runtest_hook"):
            when = caller.f_locals.get("when", "")
        elif module == "_pytest.main" and function == "wrap_session":
            return caller.f_locals.get("config"), item, when
        caller = caller.f_back
    return None, None, ""


def is_capturing(manager: Any) -> bool:
    """Whether pytest's capture, or that of a fixture of the test, is on: there are moments when it is not."""
    fixture = getattr(manager, "_capture_fixture", None)
    captures = (getattr(manager, "_global_capturing", None), getattr(fixture, "_capture", None))
    return any(getattr(capture, "_state", None) in _CAPTURING for capture in captures)


def captured_now(config: Any) -> list[tuple[str, str]]:
    """What the phase that runs has captured so far: ("stdout" | "stderr" | "log", text); it stays captured."""
    manager = config.pluginmanager.getplugin("capturemanager")
    fixture = getattr(manager, "_capture_fixture", None)
    captures = (getattr(manager, "_global_capturing", None), getattr(fixture, "_capture", None))
    found = []
    for key, name in (("stdout", "out"), ("stderr", "err")):
        texts = [content(getattr(capture, name, None)) for capture in captures]
        found.append((key, "".join(texts)))
    logging = config.pluginmanager.getplugin("logging-plugin")
    if logging is not None:
        found.append(("log", logging.report_handler.stream.getvalue()))
    return found


def content(capture: Any) -> str:
    """What one stream's capture holds, without moving the place where it is written next."""
    file = getattr(capture, "tmpfile", None)
    if file is None:
        return ""
    memory = getattr(getattr(file, "buffer", None), "getvalue", None)
    if memory is not None:
        data = memory()[-MOST_READ:]
    else:
        descriptor = file.fileno()
        size = posix.fstat(descriptor).st_size
        data = posix.pread(descriptor, MOST_READ, max(0, size - MOST_READ))
    return str(data, "utf-8", "replace")
