"""A process under seccomp filters: they are judged first, and what would not survive is left alone.

Nothing is said of strict mode: it kills a thread for the first system call of Python's.
"""

import errno
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attach.errors import EXIT_PERMISSION, EXIT_UNSUPPORTED, AttachError, SeccompDenied, SeccompKills
from attach.inject import inject
from attach.inject.preflight import open_target
from attach.inject.seccomp import Judgement, Verdict, judge
from attach.inject.system_calls import calls_of
from attach.inject.x86_64 import X86_64 as Amd64
from attach.process import Process
from tests.inject.support import SOURCE, TARGETS, inject_test_source, marks
from tests.support.command import ATTACH, assert_explained, attach, succeed
from tests.support.filters import (
    ALLOW,
    ERRNO,
    I386,
    KILL_PROCESS,
    KILL_THREAD,
    LOG,
    TRACE,
    TRAP,
    USER_NOTIF,
    X86_64,
    deny,
    give,
    if_any_bit,
    if_equal,
    load,
)
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.picture import assert_untouched, picture, settled_picture
from tests.support.processes import Target, running

MMAP, MPROTECT, SHMAT, EXIT, RESTART_SYSCALL, MEMFD_CREATE = 9, 10, 30, 60, 219, 319
CLONE, CLONE3, RSEQ, MOUNT, UNSHARE, PTRACE, PIDFD_GETFD = 56, 435, 334, 165, 272, 101, 438
NUMBER, ARCHITECTURE, ARGUMENT_0, ARGUMENT_2 = 0, 4, 16, 32

EVERYTHING = give(ALLOW)
EXECUTABLE = load(ARGUMENT_2) + if_any_bit(4, give(KILL_PROCESS))

#: As Docker's default profile: everything ordinary is allowed, the rest is EPERM, clone3 and the unknown ENOSYS.
LIKE_DOCKER = (
    load(ARCHITECTURE)
    + if_equal(X86_64, load(NUMBER)
        + if_equal(CLONE, load(ARGUMENT_0) + if_any_bit(0x7E020000, give(ERRNO | errno.EPERM)) + give(ALLOW))
        + if_equal(CLONE3, give(ERRNO | errno.ENOSYS))
        + b"".join(if_equal(number, give(ERRNO | errno.EPERM)) for number in (MOUNT, UNSHARE))
        + give(ALLOW))
    + give(KILL_PROCESS)
)  # fmt: skip

#: systemd's MemoryDenyWriteExecute before Linux 6.3.
DENY_WRITE_AND_EXECUTE = (
    load(NUMBER)
    + if_equal(MMAP, load(ARGUMENT_2) + if_any_bit(4, if_any_bit(2, give(ERRNO | errno.EPERM))) + give(ALLOW))
    + if_equal(MPROTECT, load(ARGUMENT_2) + if_any_bit(4, give(ERRNO | errno.EPERM)) + give(ALLOW))
    + if_equal(SHMAT, load(ARGUMENT_2) + if_any_bit(0o100000, give(ERRNO | errno.EPERM)) + give(ALLOW))
    + give(ALLOW)
)

one_version = on_interpreters("3.12")


def may_read_filters() -> bool:
    ours = Process(os.getpid())
    everybody = Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
    return not ours.seccomp and everybody and bool(int(ours.status_field("CapEff"), 16) >> 21 & 1)


needs_reading = pytest.mark.skipif(not may_read_filters(), reason="only root outside of containers reads filters")


@contextmanager
def under(interpreter: Interpreter, *filters: bytes | str) -> Iterator[Target]:
    """tests/targets/filtered.py under these filters."""
    codes = [code if isinstance(code, str) else code.hex() for code in filters]
    with running([interpreter.path, TARGETS / "filtered.py", *codes], ready="^ready ") as target:
        yield target


def judged(pid: int) -> Judgement:
    """What its filters would make of an attach."""
    target = open_target(Process(pid), force=True)
    with target.memory:
        return judge(target)


def assert_left_alone(target: Target, error: type[AttachError], *words: str) -> None:
    """The judgement refuses, with these words, and the process is what it was, and alive."""
    before = picture(target.pid)
    with pytest.raises(error) as raised:
        inject_test_source(target.pid)
    for word in words:
        assert word in raised.value.message
    assert raised.value.exit_code == EXIT_UNSUPPORTED
    assert_untouched(before, target.pid)
    assert target.is_running()


@needs_reading
@one_version
def test_a_filter_that_allows_everything(interpreter: Interpreter) -> None:
    """It is judged to let us do what we do; we do it, and say so in one line."""
    with under(interpreter, EVERYTHING) as target:
        judgement = judged(target.pid)
        assert judgement.verdict is Verdict.LETS_US
        assert not marks(target.pid)
        lines: list[str] = []
        inject(Process(target.pid), SOURCE, lambda: marks(target.pid) > 0, log=lines.append)
        assert sum(judgement.sentence in line for line in lines) == 1


@one_version
def test_no_filter(interpreter: Interpreter) -> None:
    """A process without a filter is judged as such, by anybody, and nothing is said of it."""
    if Process(os.getpid()).seccomp:
        pytest.skip("everybody here is under a filter")
    with running([interpreter.path, TARGETS / "filtered.py"], ready="^ready ") as target:
        assert judged(target.pid).verdict is Verdict.NO_FILTER
        assert "seccomp" not in succeed("-v", target.pid, "start-coverage").stderr


@needs_reading
@on_interpreters("3.8", "3.12", "3.14")
def test_a_container(interpreter: Interpreter) -> None:
    """A process under a filter like Docker's is attached to, measured and left without --force."""
    with under(interpreter, LIKE_DOCKER) as target:
        before = settled_picture(target.pid)
        succeed(target.pid, "start-coverage")
        succeed(target.pid, "detach")
        assert_untouched(before, target.pid, ignoring=("mapped_files",))


@needs_reading
@on_interpreters("3.8", "3.12", "3.14")
@pytest.mark.parametrize("state", ["waiting", "busy"])
def test_a_list_of_what_is_allowed(interpreter: Interpreter, state: str) -> None:
    """A process that would be killed for anything that is not in our table survives whatever way in we take."""
    allowed = deny({call.number: ALLOW for call in calls_of(Amd64())}, otherwise=KILL_PROCESS)
    with under(interpreter, allowed, *["busy"] * (state == "busy")) as target:
        before = settled_picture(target.pid)
        succeed(target.pid, "start-coverage")
        succeed(target.pid, "detach")
        assert_untouched(before, target.pid, ignoring=("mapped_files",))


@needs_reading
@one_version
def test_memory_that_may_not_be_writable_and_executable(interpreter: Interpreter) -> None:
    """systemd's MemoryDenyWriteExecute is not in the way, for nothing of ours is ever both."""
    with under(interpreter, DENY_WRITE_AND_EXECUTE) as target:
        inject_test_source(target.pid)


@needs_reading
@one_version
@pytest.mark.parametrize("action", [KILL_PROCESS, KILL_THREAD, TRAP, TRACE, USER_NOTIF, ERRNO])
def test_a_call_that_would_do_harm(interpreter: Interpreter, action: int) -> None:
    """A filter that kills for one call of ours, asks somebody, or pretends, is refused by the name of the call."""
    with under(interpreter, deny({MEMFD_CREATE: action})) as target:
        assert_left_alone(target, SeccompKills, "memfd_create")


@needs_reading
@one_version
def test_arguments_count(interpreter: Interpreter) -> None:
    """A filter that kills for executable memory alone is noticed."""
    with under(interpreter, load(NUMBER) + if_equal(MMAP, EXECUTABLE) + give(ALLOW)) as target:
        assert_left_alone(target, SeccompKills, "mmap", "code of our thread")


@needs_reading
@one_version
@pytest.mark.parametrize("order", [1, -1])
def test_several_filters(interpreter: Interpreter, order: int) -> None:
    """Each of several filters counts, wherever it is in the order."""
    filters = [EVERYTHING, deny({EXIT: KILL_PROCESS}), deny({MOUNT: ERRNO | errno.EPERM})]
    with under(interpreter, *filters[::order]) as target:
        assert_left_alone(target, SeccompKills, "3 seccomp filters", "exit")


@needs_reading
@one_version
def test_a_filter_of_one_thread(interpreter: Interpreter) -> None:
    """A filter that only one thread is under is judged as well."""
    with under(interpreter, EVERYTHING, "alone:" + deny({MEMFD_CREATE: KILL_THREAD}).hex()) as target:
        assert_left_alone(target, SeccompKills, "memfd_create")
    with under(interpreter, "alone:" + LIKE_DOCKER.hex()) as target:
        inject_test_source(target.pid)


@needs_reading
@one_version
def test_another_architecture(interpreter: Interpreter) -> None:
    """What a filter does to 32-bit calls does not matter."""
    code = load(ARCHITECTURE) + if_equal(I386, give(KILL_PROCESS)) + give(LOG)
    with under(interpreter, code) as target:
        inject_test_source(target.pid)


@needs_reading
@one_version
def test_judging_itself_harms_nobody(interpreter: Interpreter) -> None:
    """A thread that may not call restart_syscall survives that it is stopped in its wait."""
    with under(interpreter, deny({RESTART_SYSCALL: KILL_PROCESS})) as target:
        assert_left_alone(target, SeccompKills, "restart_syscall")


@needs_reading
@one_version
def test_restartable_sequences(interpreter: Interpreter) -> None:
    """glibc from 2.35 on aborts the process if a new thread may not have what the others have: noticed before."""
    library, version = platform.libc_ver()  # ours: the interpreters of this machine have the same
    with under(interpreter, deny({RSEQ: ERRNO | errno.EPERM})) as target:
        if library == "glibc" and tuple(map(int, version.split("."))) >= (2, 35):
            assert_left_alone(target, SeccompKills, "rseq", "abort")
        else:
            inject_test_source(target.pid)


@one_version
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("memfd_create", deny({MEMFD_CREATE: ERRNO | errno.EPERM})),
        (
            "mmap",
            load(NUMBER) + if_equal(MMAP, load(ARGUMENT_2) + if_any_bit(4, give(ERRNO | errno.EACCES))) + give(ALLOW),
        ),
    ],
    ids=["memfd_create", "mmap"],
)
def test_a_call_that_fails(interpreter: Interpreter, name: str, code: bytes) -> None:
    """An error for a call that we need is told with its name; with --force it is not taken for a limit."""
    with under(interpreter, code) as target:
        if may_read_filters():
            assert_left_alone(target, SeccompDenied, name)
        before = picture(target.pid)
        with pytest.raises(SeccompDenied):
            inject_test_source(target.pid, force=True)
        assert_untouched(before, target.pid)


@one_version
def test_a_thread_that_is_denied(interpreter: Interpreter) -> None:
    """A new thread that a filter denies is not taken for a limit, whether we know before or not."""
    with under(interpreter, deny({CLONE3: ERRNO | errno.EPERM, CLONE: ERRNO | errno.EPERM})) as target:
        before = picture(target.pid)
        with pytest.raises(SeccompDenied, match="another thread"):
            inject_test_source(target.pid, force=True)
        assert_untouched(before, target.pid)


# ---- where the filters cannot be read ----


def operator_under(*filters: bytes) -> list[str]:
    """The command, itself under these filters."""
    launcher = TARGETS.parent / "support" / "under_filters.py"
    return [sys.executable, str(launcher), ",".join(code.hex() for code in filters), *ATTACH]


@on_interpreters("3.8", "3.14")
def test_inside_the_same_container(interpreter: Interpreter) -> None:
    """Under the same filters as the target, in its namespaces, no --force is needed."""
    with under(interpreter, LIKE_DOCKER) as target:
        done = attach(target.pid, "start-coverage", "-v", program=operator_under(LIKE_DOCKER))
        assert done.code == 0, str(done)
        assert "we are under as well" in done.stderr


@one_version
@pytest.mark.parametrize("number", [MEMFD_CREATE, EXIT, RESTART_SYSCALL], ids=str)
def test_the_same_container_kills(interpreter: Interpreter, number: int) -> None:
    """Under the same filters as the target, a call that kills is found out in a process of ours."""
    code = deny({number: KILL_PROCESS})
    with under(interpreter, code) as target:
        before = picture(target.pid)
        done = attach(target.pid, "start-coverage", program=operator_under(code))
        assert_explained(done, EXIT_UNSUPPORTED, "[seccomp-kills]", "might not survive")
        assert_untouched(before, target.pid)


@one_version
def test_the_same_container_denies(interpreter: Interpreter) -> None:
    """Under the same filters as the target, a call that fails is found out in a process of ours."""
    code = deny({MEMFD_CREATE: ERRNO | errno.EPERM})
    with under(interpreter, code) as target:
        done = attach(target.pid, "start-coverage", program=operator_under(code))
        assert_explained(done, EXIT_UNSUPPORTED, "[seccomp-denied]", "memfd_create")


@one_version
def test_more_filters_than_ours(interpreter: Interpreter) -> None:
    """A process that has added a filter to those of the container is refused; --force attaches all the same."""
    with under(interpreter, EVERYTHING, EVERYTHING) as target:
        before = picture(target.pid)
        done = attach(target.pid, "start-coverage", program=operator_under(EVERYTHING))
        assert_explained(done, EXIT_UNSUPPORTED, "[seccomp]", "--force", "sudo")
        assert_untouched(before, target.pid)
        done = attach(target.pid, "start-coverage", "--force", program=operator_under(EVERYTHING))
        assert done.code == 0, str(done)


@one_version
@pytest.mark.parametrize("name", ["ptrace", "pidfd_getfd"])
def test_a_filter_in_our_own_way(interpreter: Interpreter, name: str) -> None:
    """A filter that denies us, not the target, what attaching needs is told before anything is done."""
    code = deny({{"ptrace": PTRACE, "pidfd_getfd": PIDFD_GETFD}[name]: ERRNO | errno.EPERM})
    with under(interpreter, code) as target:
        before = picture(target.pid)
        done = attach(target.pid, "start-coverage", program=operator_under(code))
        assert_explained(done, EXIT_PERMISSION, "[own-seccomp]", name, "--cap-add=SYS_PTRACE")
        assert_untouched(before, target.pid)


@needs_reading
@one_version
def test_without_the_right_to_read(interpreter: Interpreter) -> None:
    """Without CAP_SYS_ADMIN a filter is unknown, and the hint says who could read it."""
    unprivileged = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all"]
    with under(interpreter, EVERYTHING) as target:
        done = attach(target.pid, "start-coverage", program=[*unprivileged, *ATTACH])
        assert_explained(done, EXIT_UNSUPPORTED, "[seccomp]", "only root, outside of containers", "--force")
