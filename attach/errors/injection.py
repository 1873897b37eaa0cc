"""The process could be attached to, but our code did not get in."""

from attach.errors.base import EXIT_TIMEOUT, AttachError


class InjectionError(AttachError):
    """The process can be attached to, but our code did not get in. Nothing is left in it, unless the text says so."""

    slug = "injection"


class BootstrapFailed(InjectionError):
    """Our code ran in the process and raised an exception there: for example an audit hook refused it."""

    slug = "bootstrap-failed"

    def __init__(self, pid: int, text: str) -> None:
        super().__init__(
            f"process {pid} refused the agent: {text or 'it gave no reason'}",
            "This is the exception raised inside the process; an audit hook or a resource limit is the usual cause.",
        )
        self.text = text


class ThreadNotStopping(InjectionError):
    """A thread does not come to a stop: it is in an uninterruptible state (D)."""

    slug = "thread-not-stopping"
    exit_code = EXIT_TIMEOUT

    def __init__(self, pid: int, tid: int) -> None:
        super().__init__(
            f"thread {tid} of process {pid} does not stop",
            f"It waits in the kernel, for a disk or a network file system. See where:\n"
            f"  sudo cat /proc/{pid}/task/{tid}/stack",
        )


class NoEvaluationPoint(InjectionError):
    """No thread came to a point at which CPython runs a pending call: all are inside C code."""

    slug = "no-evaluation-point"
    exit_code = EXIT_TIMEOUT

    def __init__(self, pid: int, seconds: float) -> None:
        super().__init__(
            f"no thread of process {pid} came to run Python code within {seconds:.3g} s",
            "A long call into C code is the usual cause. Wait longer:  --timeout 60",
        )


class GilHeld(InjectionError):
    """Our thread was started, but a C call holds the global interpreter lock."""

    slug = "gil-held"
    exit_code = EXIT_TIMEOUT

    def __init__(self, pid: int, seconds: float) -> None:
        super().__init__(
            f"process {pid} did not release its interpreter lock within {seconds:.3g} s: a C call holds it",
            f"Our thread ends by itself as soon as the lock is free, without doing anything.\n"
            f"See whether it still is held:  attach doctor {pid}\n"
            f"Wait longer:  --timeout 60. Older uWSGI needs  --enable-threads.",
        )


class BootstrapSilent(InjectionError):
    """Our code was started in the process but did not report."""

    slug = "bootstrap-silent"
    exit_code = EXIT_TIMEOUT

    def __init__(self, pid: int, seconds: float) -> None:
        super().__init__(
            f"the agent was started in process {pid} but did not report within {seconds:.3g} s",
            "The process may be very busy. Try again, or wait longer:  --timeout 60",
        )


class PyrasiteFailed(InjectionError):
    """pyrasite ended, and our code did not run: gdb found no symbols, or could not call into the process."""

    slug = "pyrasite-failed"

    def __init__(self, pid: int, last_words: str) -> None:
        super().__init__(
            f"pyrasite ended without having run anything in process {pid}: {last_words}",
            f"See all that it and gdb say:\n  attach -v {pid} ... --method pyrasite",
        )


class PyrasiteHangs(InjectionError):
    """pyrasite does not come back. We leave it and gdb alone: ending gdb in the middle can end the process."""

    slug = "pyrasite-hangs"
    exit_code = EXIT_TIMEOUT

    def __init__(self, pid: int, gdb: int) -> None:
        super().__init__(
            f"pyrasite does not come back from process {pid}"
            + (f"; gdb (PID {gdb}) still holds the process" if gdb else ""),
            "It may still end by itself. Ending gdb can end the process too: it calls into it at this moment.",
        )
