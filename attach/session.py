"""A session with one attached process: what ``attach.attach(pid)`` returns."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from attach import looking, running
from attach.channel import payload, rendezvous
from attach.channel.connection import AgentConnection, RemoteError, as_dict, quiet
from attach.coverage import Coverage
from attach.debugging import Debugging
from attach.errors import AgentFailed, AgentUnreachable, AttachError, CodeRunning, DebugBusy, NotAttached
from attach.inject import check_rights, check_running, inject
from attach.process import Process
from attach.shell import Shell, open_shell
from attach_agent import wire

DEFAULT_TIMEOUT = 10.0
#: Seconds for which who leaves waits for others who leave at the same time, so that the last one takes the agent along.
RELEASING = 0.5


class Session:
    """One operator's connection to the agent in one process.

    Leaving the ``with`` block closes the connection; what was started goes on until `detach`.
    """

    def __init__(self, process: Process, connection: AgentConnection, *, injected: bool, method: str) -> None:
        self.process = process
        self.connection = connection
        #: Did this session bring the agent, or did it find one?
        self.injected = injected
        #: How the agent got in: "remote-exec", "ptrace", or "present".
        self.method = method
        self.coverage = Coverage(process, connection)
        self.debugging = Debugging(process, connection)

    @classmethod
    def attach(
        cls,
        pid: int,
        *,
        method: str = "auto",
        timeout: float = DEFAULT_TIMEOUT,
        force: bool = False,
        log: Callable[[str], None] = quiet,
    ) -> Session:
        """Attach to a running CPython process, or join the agent that is there already.

        `timeout` bounds the whole in seconds. Raises a TargetError that tells why it cannot be, an InjectionError when
        the process does not let our code run, an AgentError when the agent does not answer.
        """
        process = Process(pid)
        deadline = time.monotonic() + timeout
        for _ in range(3):
            meeting = cls._find(process)
            how = "present"
            try:
                if meeting is None:
                    how = cls._inject(process, method, deadline, force, log)
                    meeting = rendezvous.find(process)
                if meeting is not None:
                    return cls._connect(meeting, deadline, injected=how != "present", method=how)
            except (OSError, AgentUnreachable) as error:  # it detached itself in this moment, or another operator it
                if time.monotonic() > deadline:
                    raise
                log(f"the agent went away: {error}")
            except BaseException:
                if meeting is None or how != "present":
                    cls._withdraw(process)
                raise
        raise AgentUnreachable(pid, "it came and went")

    @classmethod
    def _withdraw(cls, process: Process) -> None:
        """Take back an agent that we brought and could not use. If that fails too, it leaves by itself in a minute."""
        with contextlib.suppress(AttachError, OSError):
            for _ in range(20):  # our own broken channel may still count as somebody
                session = cls.join(process.pid, timeout=1.0)
                if session._leave("withdraw"):
                    return
                time.sleep(0.01)

    @classmethod
    def join(cls, pid: int, *, timeout: float = DEFAULT_TIMEOUT) -> Session:
        """Connect to the agent that is in the process; NotAttached if there is none. Injects nothing."""
        process = Process(pid)
        meeting = cls._find(process)
        if meeting is None:
            raise NotAttached(pid)
        try:
            return cls._connect(meeting, time.monotonic() + timeout, injected=False, method="present")
        except OSError:
            raise NotAttached(pid) from None

    @staticmethod
    def _find(process: Process) -> rendezvous.Rendezvous | None:
        """The rendezvous of a process that can answer; else the error that says why it cannot."""
        check_running(process)
        try:
            return rendezvous.find(process)
        except PermissionError:
            check_rights(process)
            raise

    @staticmethod
    def _inject(process: Process, method: str, deadline: float, force: bool, log: Callable[[str], None]) -> str:
        rendezvous.check_kernel()
        source = payload.bootstrap(wire.MEMFD_PREFIX + secrets.token_hex(8), process.start_time)
        injection = inject(
            process,
            source,
            lambda: rendezvous.find(process) is not None,
            method=method,
            timeout=max(0.1, deadline - time.monotonic()),
            force=force,
            log=log,
        )
        return injection.method or "present"  # another operator's agent may have come first

    @classmethod
    def _connect(cls, meeting: rendezvous.Rendezvous, deadline: float, *, injected: bool, method: str) -> Session:
        timeout = max(1.0, deadline - time.monotonic())
        connection = AgentConnection(meeting.connect(), meeting.process.pid, timeout=timeout)
        return cls(meeting.process, connection, injected=injected, method=method)

    def status(self) -> dict[str, Any]:
        """What the agent says about itself: names and plain values."""
        return as_dict(self.connection.call("status"))

    def threads(self, *, with_locals: bool = False) -> looking.Picture:
        """What all threads, suspended greenlets and tasks of asyncio do in this moment; nothing is stopped for it."""
        return looking.take(self.connection, self.process, with_locals)

    def shell(self, module: str = "") -> Shell:
        """A Python prompt in the process, in the namespace of the `module` of this name, or one of its own.

        Raises NoSuchModule if no such module is loaded, ResourceLimit.
        """
        return open_shell(self.process, self.connection.timeout, module)

    def run(
        self,
        code: bytes | str,
        *,
        output: running.Output,
        filename: str = "<attach>",
        argv: Sequence[str] = (),
        interrupted: Callable[[], bool] = running.never,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> running.Outcome:
        """Run code in the process, in a thread and a ``__main__`` namespace of its own; returns when it has ended.

        What its thread prints is handed to `output` while it runs, a traceback included. `filename` and `argv` are
        what the code is known by and its ``sys.argv``. `interrupted` is asked several times a second: True raises
        KeyboardInterrupt in the code. So does any exception that leaves this method. `timeout` bounds the start.
        """
        meeting = rendezvous.find(self.process)
        if meeting is None:
            raise NotAttached(self.process.pid)
        connection = AgentConnection(meeting.connect(), self.process.pid, timeout=timeout)
        wanted = running.Code(code.encode() if isinstance(code, str) else code, filename, argv)
        try:
            outcome = running.run(connection, self.process, wanted, output, interrupted)
        except BaseException:
            connection.abort()
            raise
        connection.finish()
        return outcome

    def detach(self) -> None:
        """Remove the agent; returns when its threads and descriptors are gone. AgentFailed if they stay.

        CodeRunning, and nothing is changed, while somebody's code runs in the process; DebugBusy while
        somebody debugs it.
        """
        try:
            self._leave("detach")
        except RemoteError as error:
            if error.slug == "debug-busy":
                raise DebugBusy(self.process.pid, error.message) from None
            if error.slug != "code-running":
                raise
            raise CodeRunning(self.process.pid) from None

    def release(self) -> None:
        """Leave; the agent goes too if nobody uses it. That the process has ended meanwhile is no error."""
        try:
            self._leave("withdraw", RELEASING)
        except (AttachError, OSError):
            if not running.has_ended(self.process):
                raise

    def abandon(self) -> None:
        """Leave after an error or an interruption; the agent goes too if this session brought it and nobody uses it."""
        self.connection.abort()
        if self.injected:
            self._withdraw(self.process)

    def _leave(self, how: str, patience: float = 0.0) -> bool:
        """Whether the agent went with us; for `patience` seconds others who are just leaving are waited for."""
        last = time.monotonic() + patience
        tids = self.connection.call(how)
        while not tids and time.monotonic() < last and not self._is_needed():
            time.sleep(0.01)
            tids = self.connection.call(how)
        self.close()
        if not tids:
            return False
        deadline = time.monotonic() + 5
        while self.process.alive() and (
            not self.process.tids_by_inner_id().keys().isdisjoint(tids) or rendezvous.find(self.process) is not None
        ):
            if time.monotonic() > deadline:
                raise AgentFailed(self.process.pid, "it stopped measuring, but its threads do not end")
            time.sleep(0.001)
        return True

    def _is_needed(self) -> bool:
        """Whether the agent stays for another reason than that others are connected."""
        status = self.status()
        return bool(status["coverage"] or status["debug"] or status["running"])

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
