"""The machine code that is mapped into targets: disassembled, and run by an emulator, for every architecture."""

import struct
import time
from collections.abc import Callable

import capstone
import pytest

from attach.inject import block, stubs
from attach.inject.block import Block, Progress
from tests.inject.emulation import ADDRESSES, FUNCTIONS, MAPPING, PROCESSORS, Emulation, Processor, pages

PID, TID = 4711, 4712
CODE, NAMES, BUILTINS, VALUE = 0x7F00_0000_1000, 0x7F00_0000_2000, 0x7F00_0000_3000, 0x7F00_0000_4000
STRING, BYTES, TEXT_AT = 0x7F00_0000_5000, 0x7F00_0000_6000, MAPPING  # the text is any readable memory
MASK = 0xFFFF_FFFE_7FFB_FA27
GIL_STATE = 1

#: What PyErr_Fetch gives: type, value, traceback.
ERROR = (0x7F00_0000_7000, VALUE, 0x7F00_0000_8000)
GATE = ["getpid", "clock_gettime"]


@pytest.fixture(params=PROCESSORS)
def processor(request: pytest.FixtureRequest) -> Processor:
    """One architecture after the other; the stubs of all of them can be run anywhere."""
    return PROCESSORS[request.param]


@pytest.fixture(params=[4096, 65536], ids=["4K", "64K"], autouse=True)
def page_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The smallest and the largest page of a kernel."""
    monkeypatch.setattr(block, "PAGE", request.param)
    return int(request.param)


def emulation(
    processor: Processor, *, pending: bool = False, pid: int = PID, seconds: float = 60, **does: Callable[..., int]
) -> Emulation:
    """The pages and the block of a target in which all goes well, but for what `does` says."""

    def clock_gettime(clock: int, address: int, *_: int) -> int:
        now = time.time_ns()
        made.write(address, struct.pack("<QQ", now // 10**9, now % 10**9))
        return -clock  # CLOCK_REALTIME is 0

    def fetch(*addresses: int) -> int:
        for address, value in zip(addresses, ERROR, strict=False):
            made.write(address, struct.pack("<Q", value))
        return 0

    usual: dict[str, Callable[..., int]] = {
        "getpid": lambda *_: PID,
        "gettid": lambda *_: TID,
        "clock_gettime": clock_gettime,
        "PyGILState_Ensure": lambda *_: 0xFFFF_FFFF_0000_0000 | GIL_STATE,  # an int: the upper half is anything
        "Py_CompileString": lambda *_: CODE,
        "PyDict_New": lambda *_: NAMES,
        "PyEval_GetBuiltins": lambda *_: BUILTINS,
        "PyEval_EvalCode": lambda *_: VALUE,
        "PyErr_Fetch": fetch,
        "PyObject_Repr": lambda *_: STRING,
        "PyUnicode_AsEncodedString": lambda *_: BYTES,
        "PyBytes_Size": lambda *_: 5,
        "PyBytes_AsString": lambda *_: TEXT_AT,
    }
    made = Emulation(processor, Block("pass", pid, seconds, MASK), usual | does)
    made.write(MAPPING, pages(processor.machine, pending=pending))
    return made


def names(run: Emulation) -> list[str]:
    return [name for name, _ in run.calls]


def arguments(run: Emulation, name: str) -> list[tuple[int, ...]]:
    """The first three arguments of each call of a function."""
    return [arguments[:3] for called, arguments in run.calls if called == name]


def references(run: Emulation) -> list[int]:
    return [arguments[0] for name, arguments in run.calls if name == "Py_DecRef"]


# ---- our thread ----


def run_thread(run: Emulation) -> None:
    """Runs our thread, whose last act must be to unmap itself and the block."""
    run.run_function(run.block.thread_page, run.block.address)
    assert run.calls[-1][0] == "munmap"
    assert run.calls[-1][1][:2] == (run.block.thread_page, run.block.unmapped_by_thread)


def test_our_thread_runs_the_source(processor: Processor) -> None:
    """Our thread runs the source under the GIL with a namespace of its own, and drops every reference it got."""
    seen: dict[str, int] = {}

    def noting(name: str, result: int) -> Callable[..., int]:
        def function(*_: int) -> int:
            seen[name] = run.word(block.PROGRESS)
            return result

        return function

    run = emulation(
        processor,
        PyGILState_Ensure=noting("ensure", GIL_STATE),
        Py_CompileString=noting("compile", CODE),
        munmap=noting("munmap", 0),
    )
    run_thread(run)
    compiling = ["Py_CompileString", "PyDict_New", "PyEval_GetBuiltins", "PyDict_SetItemString", "PyEval_EvalCode"]
    assert names(run) == [
        *("gettid", "madvise", *GATE, "PyGILState_Ensure", *GATE, *compiling),
        *(["Py_DecRef"] * 3),
        *("PyGILState_Release", "munmap"),
    ]
    here = run.block.address
    assert arguments(run, "madvise") == [(run.block.thread_page, run.block.unmapped_by_thread, 10)]
    assert arguments(run, "Py_CompileString") == [(here + block.SOURCE, here + block.FILENAME, 257)]
    assert run.text(here + block.SOURCE) == b"pass"
    assert run.text(here + block.FILENAME) == b"<live-attach>"
    assert arguments(run, "PyDict_SetItemString") == [(NAMES, here + block.BUILTINS, BUILTINS)]
    assert run.text(here + block.BUILTINS) == b"__builtins__"
    assert arguments(run, "PyEval_EvalCode") == [(CODE, NAMES, NAMES)]
    assert references(run) == [VALUE, NAMES, CODE]
    assert arguments(run, "PyGILState_Release")[0][0] == GIL_STATE
    assert run.word(block.TID) == TID
    assert seen == {"ensure": Progress.ENTERED, "compile": Progress.RUNNING, "munmap": Progress.DONE}


@pytest.mark.parametrize(
    ("failing", "dropped"),
    [("Py_CompileString", [0, 0]), ("PyDict_New", [0, CODE]), ("PyEval_EvalCode", [NAMES, CODE])],
)
def test_our_thread_keeps_the_text_of_an_exception(processor: Processor, failing: str, dropped: list[int]) -> None:
    """Whatever fails, the exception's text comes into the block, the exception is cleared, and our thread lingers."""
    slept: list[tuple[int, ...]] = []

    def sleep(address: int, *_: int) -> int:
        slept.append(struct.unpack("<QQ", run.emulator.mem_read(address, 16)))
        assert run.word(block.PROGRESS) == Progress.FAILED
        return 0

    run = emulation(processor, nanosleep=sleep, **{failing: lambda *_: 0})
    run_thread(run)
    here = run.block.address
    error = (here + block.TYPE, here + block.VALUE, here + block.TRACE)
    assert arguments(run, "PyErr_Fetch") == arguments(run, "PyErr_NormalizeException") == [error]
    assert arguments(run, "PyObject_Repr")[0][0] == VALUE
    assert arguments(run, "PyUnicode_AsEncodedString") == [(STRING, here + block.ENCODING, here + block.ERRORS)]
    assert (run.text(here + block.ENCODING), run.text(here + block.ERRORS)) == (b"utf-8", b"backslashreplace")
    assert run.word(block.TEXT_LENGTH) == 5
    assert run.emulator.mem_read(here + block.TEXT, 6) == run.emulator.mem_read(TEXT_AT, 5) + b"\0"
    assert "PyErr_Clear" in names(run)
    assert references(run) == [BYTES, STRING, *ERROR[:2], ERROR[2], *dropped]
    assert slept == [(block.LINGER_SECONDS, 0)]
    assert names(run)[-3:] == ["PyGILState_Release", "nanosleep", "munmap"]


@pytest.mark.parametrize(("size", "kept"), [(0, 0), (block.TEXT_ROOM, block.TEXT_ROOM), (10**6, block.TEXT_ROOM)])
def test_a_text_is_cut_to_its_room(processor: Processor, size: int, kept: int) -> None:
    """An exception's text of any length does not go beyond its room."""
    run = emulation(processor, PyEval_EvalCode=lambda *_: 0, PyBytes_Size=lambda *_: size)
    run_thread(run)
    assert run.word(block.TEXT_LENGTH) == kept
    text = run.emulator.mem_read(TEXT_AT, block.TEXT_ROOM)[:kept].ljust(block.TEXT_ROOM, b"\0")
    assert run.emulator.mem_read(run.block.address + block.TEXT, block.TEXT_ROOM) == text
    assert run.text(run.block.address + block.FILENAME) == b"<live-attach>"


@pytest.mark.parametrize("failing", ["PyObject_Repr", "PyUnicode_AsEncodedString"])
def test_an_exception_without_text(processor: Processor, failing: str) -> None:
    """An exception whose repr fails is cleared all the same."""
    run = emulation(processor, PyEval_EvalCode=lambda *_: 0, **{failing: lambda *_: 0})
    run_thread(run)
    assert run.word(block.TEXT_LENGTH) == 0
    assert "PyBytes_AsString" not in names(run)
    assert "PyErr_Clear" in names(run)
    assert references(run)[0] == 0
    assert run.word(block.PROGRESS) == Progress.FAILED


@pytest.mark.parametrize("reason", ["abort", "deadline", "fork"])
def test_our_thread_does_nothing_when_it_may_not(processor: Processor, reason: str) -> None:
    """With the abort word set, after the deadline, or in a forked child our thread does not even ask for the GIL."""
    run = emulation(processor, seconds=-1 if reason == "deadline" else 60, pid=PID + (reason == "fork"))
    if reason == "abort":
        run.write(run.block.address + block.ABORT, b"\1\0\0\0")
    run_thread(run)
    assert set(names(run)) <= {"gettid", "madvise", *GATE, "munmap"}
    assert run.word(block.PROGRESS) == Progress.ABORTED


def test_our_thread_looks_again_once_it_has_the_gil(processor: Processor) -> None:
    """An abort word that is set while our thread waits for the GIL is obeyed."""

    def ensure(*_: int) -> int:
        run.write(run.block.address + block.ABORT, b"\1\0\0\0")
        return GIL_STATE

    run = emulation(processor, PyGILState_Ensure=ensure)
    run_thread(run)
    assert names(run)[-3:] == ["PyGILState_Ensure", "PyGILState_Release", "munmap"]
    assert run.word(block.PROGRESS) == Progress.ABORTED


# ---- entry pages ----


def assert_creates_our_thread(run: Emulation) -> None:
    """It made a detached thread with a stack of 2 MB, which runs the thread page with the block."""
    ((attributes, *_),) = arguments(run, "pthread_attr_init")
    ((_, size, _),) = arguments(run, "pthread_attr_setstacksize")
    ((_, detached, _),) = arguments(run, "pthread_attr_setdetachstate")
    assert (size, detached) == (2 << 20, 1)
    ((_, used, page, argument, *_),) = [given for name, given in run.calls if name == "pthread_create"]
    assert (used, page, argument) == (attributes, run.block.thread_page, run.block.address)


@pytest.mark.parametrize("error", [0, 11])
def test_a_borrowed_thread_starts_ours(processor: Processor, error: int) -> None:
    """The entry page starts our thread, unmaps itself, returns to the way home, and tells the operator the error."""
    run = emulation(processor, pthread_create=lambda *_: error)
    registers = run.run_borrowed(run.block.entry_page)
    assert_creates_our_thread(run)
    assert names(run)[-2:] == ["pthread_create", "munmap"]
    assert arguments(run, "munmap")[0][:2] == (run.block.entry_page, block.PAGE)
    assert processor.machine.created(registers) == error


@pytest.mark.parametrize("result", [0, -1])
def test_a_borrowed_thread_adds_a_pending_call(processor: Processor, result: int) -> None:
    """The entry page adds a pending call of its own, goes home by its signal frame, and tells whether it could."""
    run = emulation(processor, pending=True, Py_AddPendingCall=lambda *_: result)
    registers = run.run_borrowed(run.block.entry_page)
    assert names(run) == ["Py_AddPendingCall", "rt_sigreturn"]
    assert processor.machine.created(registers) == result
    zeros = processor.machine.decode(tuple(bytes(512) for _ in processor.machine.register_sets))
    home = processor.machine.at_home(zeros, run.calls[1][1][0] - (8 if processor.stack == "rsp" else 0), 0)
    assert processor.machine.stack(home) == run.calls[1][1][0]
    assert run.calls[1][1][0] % 16 == 0


def pending_call(processor: Processor, **conditions: object) -> Emulation:
    """Lets the entry page add its pending call, then makes the call."""
    run = emulation(processor, pending=True, **conditions)  # type: ignore[arg-type]
    run.run_borrowed(run.block.entry_page)
    ((call, argument, _),) = arguments(run, "Py_AddPendingCall")
    assert argument == run.block.address
    run.calls.clear()
    run.run_function(call, argument)
    assert run[processor.result] == 0  # else CPython would raise an exception
    assert run.calls[-1][0] == "munmap"
    assert run.calls[-1][1][:2] == (run.block.entry_page, block.PAGE)
    return run


def test_the_pending_call_starts_our_thread(processor: Processor) -> None:
    """The pending call starts our thread with the operator's mask of signals, and puts its own mask back."""
    masks: list[int] = []

    def set_mask(_how: int, new: int, old: int, _size: int, *_: int) -> int:
        masks.append(struct.unpack("<Q", run_memory(new))[0])
        if old:
            made[0].write(old, struct.pack("<Q", 0x55))
        return 0

    def run_memory(address: int) -> bytes:
        return bytes(made[0].emulator.mem_read(address, 8))

    made: list[Emulation] = []
    run = emulation(processor, pending=True, rt_sigprocmask=set_mask)
    made.append(run)
    run.run_borrowed(run.block.entry_page)
    ((call, argument, _),) = arguments(run, "Py_AddPendingCall")
    run.run_function(call, argument)
    assert_creates_our_thread(run)
    assert masks == [MASK, 0x55]
    assert [given[:4:3] for name, given in run.calls if name == "rt_sigprocmask"] == [(2, 8), (2, 8)]
    assert run.word(block.PROGRESS) == Progress.WAITING


@pytest.mark.parametrize("condition", [{"seconds": -1}, {"pid": PID + 1}])
def test_a_pending_call_that_may_not_run(processor: Processor, condition: dict[str, int]) -> None:
    """After the deadline or in a forked child the pending call only unmaps everything."""
    run = pending_call(processor, **condition)
    assert "pthread_create" not in names(run)
    whole, _ = arguments(run, "munmap")
    assert whole[:2] == (run.block.thread_page, run.block.unmapped_by_thread)


def test_a_pending_call_without_a_thread(processor: Processor) -> None:
    """Where no thread can be made, the pending call leaves the error for the operator, who unmaps the rest."""
    run = pending_call(processor, pthread_create=lambda *_: 11)
    assert (run.word(block.PROGRESS), run.word(block.CREATE_ERROR)) == (Progress.NO_THREAD, 11)
    assert len(arguments(run, "munmap")) == 1


# ---- the instructions ----

DISASSEMBLERS = {
    "x86_64": (capstone.CS_ARCH_X86, capstone.CS_MODE_64),
    "aarch64": (capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN),
}
PAGES = {
    "parked": stubs.parked_entry_page,
    "pending": stubs.pending_entry_page,
    "thread": stubs.thread_page,
}
CALLED = {
    "parked": {"pthread_attr_init", "pthread_attr_setstacksize", "pthread_attr_setdetachstate", "pthread_create"},
    "thread": {name for name in FUNCTIONS.python if name != "Py_AddPendingCall"},
}
CALLED["pending"] = CALLED["parked"] | {"Py_AddPendingCall"}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("architecture", PROCESSORS)
def test_every_instruction_is_meant(architecture: str, name: str) -> None:
    """Each instruction of a page can be disassembled, jumps lead to instructions, and nothing else is called."""
    code = PAGES[name](PROCESSORS[architecture].machine.assembler(), FUNCTIONS)
    assert len(code) == block.PAGE
    fill = PROCESSORS[architecture].machine.assembler.breakpoint
    used = code
    while used.endswith(fill):
        used = used.removesuffix(fill)
    assert len(used) < 2048  # room for more, also in the smallest page
    disassembler = capstone.Cs(*DISASSEMBLERS[architecture])
    disassembler.detail = True
    instructions = {item.address: item for item in disassembler.disasm(used, 0)}
    assert sum(item.size for item in instructions.values()) == len(used)
    addresses = set()
    loading = 0
    for item in instructions.values():
        constants = [operand.imm for operand in item.operands if operand.type == 2]  # an immediate, in both
        if item.mnemonic in ("movabs", "movz") or (item.mnemonic == "mov" and "x16, #" in item.op_str):
            loading = constants[0]
        elif item.mnemonic == "movk":
            loading |= constants[0] << item.operands[1].shift.value
        elif item.op_str in ("rax", "x16"):  # a call or a jump to a function
            addresses.add(loading)
        elif capstone.CS_GRP_BRANCH_RELATIVE in item.groups or item.mnemonic in ("adr", "bl"):
            assert constants[-1] in instructions
    assert addresses == {ADDRESSES[called] for called in CALLED[name] | {"munmap"}}
