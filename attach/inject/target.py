"""Everything an injection needs to know about its target before it stops a thread."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from attach.errors import NoSuchProcess, UnsupportedTarget
from attach.inject.machine import PYTHON_FUNCTIONS, Call, Functions, Machine, Registers, Wait
from attach.inject.memory import Mapping, Memory, MemoryFault
from attach.inject.ptrace import Tracee
from attach.inject.runtime import Runtime
from attach.inject.threads import sleeping_in
from attach.inject.unwinding import Unknown, UnwindTables
from attach.process import Process

#: How much of a mapping is searched for the way home around a function of the C library.
_NEAR = 1 << 16
_FAR = 1 << 24
_STACK_WORDS = 64
#: How deep the C library's own calls are nested at most.
_MOST_CALLS = 8
_C_LIBRARIES = ("ld-", "libpthread")
#: Extension modules of the standard library that wait.
_KNOW_PEP_475 = ("select.", "time.", "_socket.", "_ssl.", "_signal.", "_multiprocessing.", "fcntl.")


class Target:
    """The process with its memory, interpreter and machine, and the addresses of what the stubs call."""

    def __init__(self, process: Process, memory: Memory, runtime: Runtime, machine: Machine) -> None:
        self.process = process
        self.memory = memory
        self.runtime = runtime
        self.machine = machine
        self._tables: dict[int, UnwindTables | None] = {}

    @cached_property
    def functions(self) -> Functions:
        find = self.runtime.address
        return Functions(
            mmap=find("mmap"),
            munmap=find("munmap"),
            pthread_create=find("pthread_create"),
            pthread_attr_init=find("pthread_attr_init"),
            pthread_attr_setstacksize=find("pthread_attr_setstacksize"),
            pthread_attr_setdetachstate=find("pthread_attr_setdetachstate"),
            python={name: find(name) for name in PYTHON_FUNCTIONS},
        )

    @cached_property
    def way_home(self) -> int:
        """The address of a return from signal handlers, ``rt_sigreturn``: the vDSO's or the C library's."""
        for start, end in self._places_of_ways_home():
            try:
                code = self.memory.read(start, end - start)
            except MemoryFault:
                continue
            for pattern in self.machine.ways_home:
                for match in re.finditer(re.escape(pattern), code):
                    if (start + match.start()) % self.machine.instruction_alignment == 0:
                        return start + match.start()
        raise UnsupportedTarget(
            f"the C library of process {self.process.pid} has no return from signal handlers that we know",
            "glibc and musl are known.",
        )

    def _places_of_ways_home(self) -> Iterator[tuple[int, int]]:
        """Begin and end of what is searched, the likeliest first."""
        yield from ((mapping.start, mapping.end) for mapping in self.runtime.maps if mapping.path == "[vdso]")
        for name, room in (("sigaction", _NEAR), ("sigaction", _FAR), ("mmap", _FAR)):
            found = self.runtime.find(name)
            mapping = self.runtime.mapping_at(found.address) if found else None
            if found and mapping:
                yield max(mapping.start, found.address - room), min(mapping.end, found.address + room)

    def prepare(self) -> None:
        """Looks up everything that a borrowed thread would otherwise have to wait for."""
        _ = self.way_home
        self.prepare_stops()

    def prepare_stops(self) -> None:
        """Looks up everything that a stopped thread would otherwise have to wait for."""
        self._unwind_tables(self.functions.mmap)

    # ---- threads ----

    def stop(self, tid: int) -> "StoppedThread":
        """Stops one thread; see `StoppedThread`."""
        return StoppedThread(self, tid)

    def caller(self, registers: Registers) -> str:
        """The path of the image that called the C library, in which a stopped thread is; empty if that is not certain.

        By the library's unwind tables; where there are none, as with musl, it is the first address on the stack that is
        not the library's own.
        """
        address, stack = self.machine.instruction(registers), self.machine.stack(registers)
        register, tables = self.machine.unwound_stack, self._unwind_tables(address)
        if register is None or tables is None:
            return self._first_on_stack(registers)
        for _ in range(_MOST_CALLS):
            try:
                address, stack = tables.caller(address, stack, register)
            except Unknown:
                return ""
            mapping = self.runtime.mapping_at(address)
            if mapping is None or not mapping.executable:
                return ""
            if not self._is_c_library(mapping):
                return mapping.path
            tables = self._unwind_tables(address)
            if tables is None:
                return ""
            address -= 1  # the call counts, which may be the last instruction of its function
        return ""

    def _unwind_tables(self, address: int) -> UnwindTables | None:
        """Those of the image at `address`, None without any."""
        image = self.runtime.image_at(address)
        if image is None:
            return None
        if image.base not in self._tables:
            try:
                self._tables[image.base] = UnwindTables(image, self.memory)
            except Unknown:
                self._tables[image.base] = None
        return self._tables[image.base]

    def _is_c_library(self, mapping: Mapping) -> bool:
        found = self.runtime.mapping_at(self.functions.mmap)
        name = mapping.path.rpartition("/")[2]
        return (found is not None and mapping.path == found.path) or name.startswith(_C_LIBRARIES)

    def _first_on_stack(self, registers: Registers) -> str:
        try:
            stack = self.memory.read(self.machine.stack(registers), 8 * _STACK_WORDS)
        except MemoryFault:
            return ""
        words = struct.unpack(f"<{_STACK_WORDS}Q", stack)
        for address in self.machine.return_addresses(registers, words):
            mapping = self.runtime.mapping_at(address)
            if mapping and mapping.executable and mapping.inode and not self._is_c_library(mapping):
                return mapping.path
        return ""

    def python_retries(self, registers: Registers) -> bool:
        """Whether the interrupted call was made by CPython itself, which repeats it with the remaining time (PEP 475).

        Extension modules and event loops of other languages are not trusted to.
        """
        caller = self.caller(registers)
        return caller == self.runtime.python.path or caller.rpartition("/")[2].startswith(_KNOW_PEP_475)


class StoppedThread(Tracee):
    """A stopped thread whose interrupted system call will go on as if nothing had happened.

    Most calls are restarted by the kernel, with the remaining time. `epoll_wait` and a few others are not:
    they fail with EINTR natively. Python's own callers are left to repeat those, because they know how much
    time remains; for others the call is begun anew, since they may not expect EINTR.
    """

    def __init__(self, target: Target, tid: int) -> None:
        before = _Sleep.of(target, tid) if target.machine.hides_calls else None
        super().__init__(target.process, target.memory, target.machine, tid)
        #: The wait it was found in, None if it was running or in another system call.
        self.wait: Wait | None = None
        #: See `Machine.ending`.
        self.ending: Registers | None = None
        self._target = target
        try:
            self._keep_the_call(before)
        except BaseException:
            self._let_go()
            raise

    def _keep_the_call(self, before: "_Sleep | None") -> None:
        registers, machine, memory = self.registers, self.machine, self._target.memory
        address = machine.instruction(registers)
        self.wait = self.ending = None
        try:
            preceding, following = memory.read(address - 8, 8), memory.read(address, 8)
        except MemoryFault:
            return
        call = before.call if before and before.lasted(self) else None
        self.wait = machine.interrupted_wait(registers, preceding, following, call)
        if self.wait is None:
            return
        self.ending = machine.ending(registers, following, call)
        if not machine.restarts_by_itself(registers) and (
            self.wait.endless or not self._target.python_retries(registers)
        ):
            anew = machine.begun_anew(registers, call)
            if anew:
                self.set_registers(anew)

    def run_for(self, seconds: float) -> None:
        """Lets the thread go on for that long, and stops it anew."""
        super().run_for(seconds)
        self._keep_the_call(None)

    def fail_with_eintr(self) -> bool:
        """Makes the interrupted wait fail with EINTR, so that Python looks for signals and requests before it goes on.

        False if the thread is in no wait, or in one that is not Python's own: then EINTR might be taken for an error.
        """
        failing = self.machine.failing_with_eintr(self.registers) if self.wait else None
        if failing is None or not self._target.python_retries(self.registers):
            return False
        self.set_registers(failing)
        return True

    def avoid_restart_syscall(self) -> None:
        """Has an interrupted wait go on without restart_syscall(2), for a thread that may not call that.

        Python's own wait fails with EINTR and is repeated with the remaining time; for others it begins anew.
        """
        if self.machine.restarts_through_call(self.registers) and not self.fail_with_eintr():
            anew = self.machine.begun_anew(self.registers, None)
            if anew:
                self.set_registers(anew)


@dataclass(frozen=True, slots=True)
class _Sleep:
    """A system call that a thread slept in before it was stopped."""

    call: Call
    #: How often it had gone to sleep until then.
    times: int

    @classmethod
    def of(cls, target: Target, tid: int) -> "_Sleep | None":
        """What the thread sleeps in now, None if it does not sleep."""
        try:
            times = int(target.process.status_field("voluntary_ctxt_switches", tid) or 0)
            call = sleeping_in(target.process, tid)
        except (NoSuchProcess, OSError):
            return None
        return cls(call, times) if call and times else None

    def lasted(self, thread: Tracee) -> bool:
        """Whether it slept in this very call until it was stopped: since then it has slept once, in the stop."""
        times = int(thread.process.status_field("voluntary_ctxt_switches", thread.tid) or 0)
        return times == self.times + 1 and thread.machine.was_in(thread.registers, self.call)
