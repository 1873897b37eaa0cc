"""May what we do in a process be done there? Its seccomp filters, judged before anything is done.

Where the kernel lets us read them (as root outside of containers), they are evaluated. Where we are in the same
container, and so under the same filters, our own child tries them out. See docs/decisions/0006.
"""

import enum
import errno
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from attach.errors import NoSuchProcess, SeccompDenied, SeccompFilter, SeccompKills
from attach.inject.bpf import Action, Answer, Program, answer
from attach.inject.ptrace import ThreadGone
from attach.inject.seccomp_trial import try_out
from attach.inject.system_calls import Call, calls_of
from attach.inject.target import StoppedThread, Target
from attach.inject.threads import parked_threads
from attach.inject.tracer import in_tracer_thread
from attach.process import Process

T = TypeVar("T")

_STRICT = 1
_CAP_SYS_ADMIN = 21
_MOST_FILTERS = 1000
#: AUDIT_ARCH_* (linux/audit.h) is e_machine with these two: 64 bits, little-endian.
_ARCHITECTURE_BITS = 0xC0000000
_ALL_USERS = ["0", "0", "4294967295"]
_GOES_THROUGH = (Action.ALLOW, Action.LOG)
#: The namespaces by which containers differ.
_OF_A_CONTAINER = ("pid", "mnt", "user")


class Verdict(enum.Enum):
    """What the filters would make of an attach."""

    NO_FILTER = "no filter"
    LETS_US = "lets us"
    #: A call would fail that we need.
    DENIES = "denies"
    #: A call would end the process or one of its threads, or ask a supervisor.
    KILLS = "kills"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict on one process, with a sentence for people about how we know, or what is in the way."""

    verdict: Verdict
    sentence: str
    #: The call in question and what would become of it, for `Verdict.DENIES` and `Verdict.KILLS`.
    call: Call | None = None
    answer: Answer | None = None

    def error(self, pid: int) -> SeccompFilter | SeccompDenied | SeccompKills | None:
        """What to raise for it; None if we may go on."""
        if self.verdict is Verdict.UNKNOWN:
            return SeccompFilter(pid, self.sentence)
        if self.verdict is Verdict.KILLS:
            return SeccompKills(pid, self.sentence)
        if self.verdict is Verdict.DENIES:
            return SeccompDenied(pid, self.sentence)
        return None


class _Unreadable(Exception):
    """Why the filters cannot be read."""


@dataclass(frozen=True, slots=True)
class _Filters:
    """The filters of one thread, first installed first, and whether it has registered restartable sequences."""

    programs: tuple[Program, ...]
    has_rseq: bool


def judge_from_outside(target: Target) -> Judgement | None:
    """As `judge`, but stops no thread: None where that is the only way to tell."""
    kinds = _kinds(target.process)
    judgement = _without_looking(target, kinds)
    if judgement:
        return judgement
    try:
        _check_may_read()
    except _Unreadable as reason:
        return _judge_unread(target, kinds, str(reason), lambda: True)
    return None


def judge(target: Target) -> Judgement:
    """Judges all filters of the process; one thread of each kind is stopped for that, for less than a millisecond.

    Raises `NoSuchProcess`, `ThreadNotStopping` and `AlreadyTraced`.
    """
    kinds = _kinds(target.process)
    judgement = _without_looking(target, kinds)
    if judgement:
        return judgement
    try:
        return _judge_by_reading(target, kinds, calls_of(target.machine))
    except _Unreadable as reason:
        tids = next(iter(kinds.values()))
        has_rseq = partial(_stopping_one_of, target, tids, StoppedThread.has_rseq)
        return _judge_unread(target, kinds, str(reason), lambda: has_rseq() is not False)


def _without_looking(target: Target, kinds: dict[tuple[int, int], list[int]]) -> Judgement | None:
    """The judgement that needs no filter's text, if there is one."""
    if not kinds:
        return Judgement(Verdict.NO_FILTER, "it has no seccomp filter")
    if any(mode == _STRICT for mode, _ in kinds):
        return Judgement(Verdict.KILLS, "a thread of it is in strict mode, which kills for anything but read and write")
    if not calls_of(target.machine):
        return Judgement(Verdict.UNKNOWN, "the system calls of this machine are not known")
    return None


def _judge_unread(
    target: Target, kinds: dict[tuple[int, int], list[int]], reason: str, has_rseq: Callable[[], bool]
) -> Judgement:
    """The judgement on filters that cannot be read, for `reason`: tried out, if we are under the same."""
    if not _same_as_ours(target.process, kinds):
        return Judgement(Verdict.UNKNOWN, reason)
    ((_, count),) = kinds
    how = f"its {_seccomp_filters(count)}, which we are under as well,"
    return _verdict(try_out(calls_of(target.machine)), how, has_rseq)


def _kinds(process: Process) -> dict[tuple[int, int], list[int]]:
    """Mode and number of filters -> the threads with these, the main one first; threads without are left out.

    A kernel before 5.9 does not tell the number: then it is -1.
    """
    found: dict[tuple[int, int], list[int]] = {}
    for tid in process.tids():
        try:
            mode, count = (int(value or -1) for value in process.status_fields("Seccomp", "Seccomp_filters", tid=tid))
        except NoSuchProcess:
            continue  # this thread has just ended
        if mode > 0:
            found.setdefault((mode, count), []).append(tid)
    return found


# ---- reading ----


def _judge_by_reading(target: Target, kinds: dict[tuple[int, int], list[int]], calls: tuple[Call, ...]) -> Judgement:
    _check_may_read()
    judgement = None
    for (_, count), tids in kinds.items():
        filters = _stopping_one_of(target, tids, lambda thread: _read(target, thread))
        if filters is None:
            continue  # all of these have ended
        how = f"its {_seccomp_filters(count if count >= 0 else len(filters.programs))}"
        judgement = _verdict(_answers(target, filters, calls), how, partial(bool, filters.has_rseq))
        if judgement.verdict is not Verdict.LETS_US:
            return judgement
    if judgement is None:
        raise NoSuchProcess(target.process.pid)
    return judgement


def _check_may_read() -> None:
    """Whether the kernel will show them to us (kernel/seccomp.c, seccomp_get_filter); no thread is stopped in vain."""
    mode, capabilities = _own_status("Seccomp", "CapEff")
    if int(mode or 0):
        raise _Unreadable("a process under a filter itself may not read another one's")
    with open("/proc/self/uid_map", encoding="ascii") as file:
        outermost = file.read().split() == _ALL_USERS
    if not outermost or not int(capabilities, 16) >> _CAP_SYS_ADMIN & 1:
        raise _Unreadable("only root, outside of containers, may read it")


def _own_status(*names: str) -> list[str]:
    """Lines of the status of the thread that asks."""
    return Process(os.getpid()).status_fields(*names, tid=threading.get_native_id())


def _stopping_one_of(target: Target, tids: list[int], ask: Callable[[StoppedThread], T]) -> T | None:
    """What `ask` says of the first of these threads that can be stopped, preferably of one that only waits.

    None if all have ended.
    """
    parked = set(parked_threads(target.process, target.machine)[0])

    def stop_and_ask(tid: int) -> T:
        with target.stop(tid) as thread:
            return ask(thread)

    for tid in sorted(tids, key=lambda tid: (tid not in parked, tid == target.process.pid)):
        try:
            return in_tracer_thread(partial(stop_and_ask, tid), lambda: None)
        except ThreadGone:
            continue
    return None


def _read(target: Target, thread: StoppedThread) -> _Filters:
    programs: list[Program] = []
    try:
        while len(programs) < _MOST_FILTERS:
            code = thread.get_filter(len(programs))
            if code is None:
                break
            programs.append(Program(code))
    except OSError as error:
        raise _Unreadable(f"the kernel does not show it: {os.strerror(error.errno or 0)}") from None
    filters = _Filters(tuple(programs), thread.has_rseq())
    # the stop itself must not cost the thread its life
    restart = [call for call in calls_of(target.machine) if call.name == "restart_syscall"]
    if any(found.action not in _GOES_THROUGH for _, found in _answers(target, filters, restart)):
        thread.avoid_restart_syscall()
    return filters


def _answers(target: Target, filters: _Filters, calls: Iterable[Call]) -> list[tuple[Call, Answer]]:
    architecture = target.machine.elf_machine | _ARCHITECTURE_BITS
    where = target.functions.mmap
    return [(call, answer(filters.programs, architecture, call.number, call.typical, where)) for call in calls]


# ---- being under the same ----


def _same_as_ours(process: Process, kinds: dict[tuple[int, int], list[int]]) -> bool:
    """Whether, by all that can be seen, both have the filters of one container and nobody has added any."""
    mode, count = _own_status("Seccomp", "Seccomp_filters")
    own = (int(mode or 0), int(count or -1))
    if own[1] < 1 or set(kinds) != {own}:
        return False
    try:
        return all(
            os.readlink(process.path(f"ns/{kind}")) == os.readlink(f"/proc/self/ns/{kind}") for kind in _OF_A_CONTAINER
        )
    except OSError:
        return False


# ---- the verdict ----


def _verdict(answers: Iterable[tuple[Call, Answer]], how: str, has_rseq: Callable[[], bool]) -> Judgement:
    """The worst of all answers; `how` says of which filters."""
    denied = None
    for call, found in answers:
        if found.action in _GOES_THROUGH:
            continue
        # a success without having done anything is no error that anybody could handle
        if found.action is not Action.ERRNO or found.errno == 0:
            return Judgement(Verdict.KILLS, f"{how} would {_does(found)} {call.name} ({call.why})", call, found)
        if call.name == "rseq":
            # glibc aborts if a thread cannot have what the one that started it has (nptl, start_thread)
            if has_rseq():
                sentence = f"{how} would deny rseq ({call.why}), and the C library abort the process for that"
                return Judgement(Verdict.KILLS, sentence, call, found)
        elif denied is None and call.needed:
            denied = (call, found)
    if denied:
        call, found = denied
        name = errno.errorcode.get(found.errno, str(found.errno))
        return Judgement(Verdict.DENIES, f"{how} would deny {call.name} ({call.why}) with {name}", call, found)
    return Judgement(Verdict.LETS_US, f"{how} would let all pass that we need")


def _does(found: Answer) -> str:
    return {
        Action.KILL_PROCESS: "kill the process for",
        Action.KILL_THREAD: "kill the thread for",
        Action.TRAP: "send SIGSYS for",
        Action.ERRNO: "skip",
        Action.USER_NOTIF: "ask a supervisor about",
        Action.TRACE: "ask a tracer about",
    }[found.action]


def _seccomp_filters(count: int) -> str:
    return "seccomp filter" if count == 1 else f"{count} seccomp filters"
