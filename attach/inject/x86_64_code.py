"""The machine code of the stubs, for x86_64. What they do is told in block.py.

In all of them rbx holds the address of the block. The pages are filled with int3, so that a stray jump is
seen.
"""

import struct

from attach.inject import block
from attach.inject.machine import Functions

_RT_SIGPROCMASK, _MADVISE, _NANOSLEEP, _GETPID, _GETTID, _CLOCK_GETTIME, _RT_SIGRETURN = (
    14,
    28,
    35,
    39,
    186,
    228,
    15,
)
_MADV_DONTFORK = 10
_SIG_SETMASK = 2
_PY_FILE_INPUT = 257
_NANOSECONDS = 1_000_000_000
_STACK_SIZE = 2 << 20


class _Assembler:
    """Collects instructions; jumps and calls to labels are filled in at the end."""

    def __init__(self) -> None:
        self._code = bytearray()
        self._labels: dict[str, int] = {}
        self._fixups: list[tuple[int, str]] = []

    def raw(self, digits: str) -> None:
        """Instructions given as hexadecimal digits."""
        self._code += bytes.fromhex(digits)

    def at_block(self, digits: str, offset: int, immediate: str = "") -> None:
        """An instruction whose operand is [rbx + offset]: opcode and ModRM with a 32-bit displacement."""
        self._code += bytes.fromhex(digits) + struct.pack("<i", offset) + bytes.fromhex(immediate)

    def label(self, name: str) -> None:
        self._labels[name] = len(self._code)

    def to_label(self, digits: str, name: str) -> None:
        """An instruction that ends in a 32-bit distance to `name`."""
        self._code += bytes.fromhex(digits)
        self._fixups.append((len(self._code), name))
        self._code += bytes(4)

    def jump(self, name: str) -> None:
        self.to_label("e9", name)

    def jump_if_zero(self, name: str) -> None:
        """After a test: mov has no flags."""
        self.to_label("0f84", name)

    def jump_if_not_zero(self, name: str) -> None:
        self.to_label("0f85", name)

    def call(self, address: int) -> None:
        self._code += b"\x48\xb8" + struct.pack("<Q", address) + b"\xff\xd0"  # mov rax, address; call rax

    def jump_to(self, address: int) -> None:
        self._code += b"\x48\xb8" + struct.pack("<Q", address) + b"\xff\xe0"  # mov rax, address; jmp rax

    def system_call(self, number: int) -> None:
        self._code += b"\xb8" + struct.pack("<I", number) + b"\x0f\x05"  # mov eax, number; syscall

    def set_progress(self, value: int) -> None:
        self.at_block("c783", block.PROGRESS, struct.pack("<I", value).hex())  # mov dword [rbx+..], value

    def page(self) -> bytes:
        for position, name in self._fixups:
            struct.pack_into("<i", self._code, position, self._labels[name] - position - 4)
        assert len(self._code) <= block.PAGE
        return bytes(self._code).ljust(block.PAGE, b"\xcc")

    # ---- parts ----

    def gate(self) -> None:
        """The subroutine `gate`: eax = 0 if the source may still be run."""
        self.label("gate")
        self.raw("4883ec18")  # sub rsp, 24
        self.at_block("83bb", block.ABORT, "00")  # cmp dword [abort], 0
        self.jump_if_not_zero("shut")
        self.system_call(_GETPID)
        self.at_block("3b83", block.INNER_PID)  # cmp eax, [inner_pid]
        self.jump_if_not_zero("shut")  # a forked child
        self.raw("31ff 4889e6")  # xor edi, edi (CLOCK_REALTIME); mov rsi, rsp
        self.system_call(_CLOCK_GETTIME)
        self.raw("48690424" + struct.pack("<I", _NANOSECONDS).hex())  # imul rax, [rsp], 1000000000
        self.raw("4803442408")  # add rax, [rsp+8]
        self.at_block("483b83", block.DEADLINE)  # cmp rax, [deadline]
        self.to_label("0f8d", "shut")  # jge
        self.raw("31c0 4883c418 c3")  # xor eax, eax; add rsp, 24; ret
        self.label("shut")
        self.raw("b801000000 4883c418 c3")  # mov eax, 1; add rsp, 24; ret

    def create_thread(self, functions: Functions) -> None:
        """eax = pthread_create([rsp], [rsp+16], thread page, block): a detached thread with a stack of its own size.

        With musl the usual stack, of 128 KB, is too small for CPython's compiler.
        """
        self.raw("488d7c2410")  # lea rdi, [rsp+16]
        self.call(functions.pthread_attr_init)
        self.raw("488d7c2410 be" + struct.pack("<I", _STACK_SIZE).hex())  # lea rdi, [rsp+16]; mov esi, size
        self.call(functions.pthread_attr_setstacksize)
        self.raw("488d7c2410 be01000000")  # lea rdi, [rsp+16]; mov esi, PTHREAD_CREATE_DETACHED
        self.call(functions.pthread_attr_setdetachstate)
        self.raw("488d3c24 488d742410")  # lea rdi, [rsp]; lea rsi, [rsp+16]
        self.at_block("488d93", -block.PAGE)  # lea rdx, [thread page]
        self.raw("4889d9")  # mov rcx, rbx
        self.call(functions.pthread_create)

    def set_mask(self, new: str, old: str) -> None:
        """rt_sigprocmask(SIG_SETMASK, new, old, 8) with `new` in rsi and `old` in rdx."""
        self.raw(new)
        self.raw(old)
        self.raw(f"bf{_SIG_SETMASK:02x}000000 41ba08000000")  # mov edi, SIG_SETMASK; mov r10d, 8
        self.system_call(_RT_SIGPROCMASK)

    def whole_mapping(self) -> None:
        """The first two arguments of a call about the thread page and the block: address and size."""
        self.at_block("488dbb", -block.PAGE)  # lea rdi, [thread page]
        self.at_block("488bb3", block.SIZE)  # mov rsi, [size]

    def leave_entry_page(self, functions: Functions) -> None:
        """Jumps to munmap(entry page), which returns to our caller."""
        self.to_label("488d3d", "start")  # lea rdi, [rip + start]
        self.raw("be" + struct.pack("<I", block.PAGE).hex())  # mov esi, PAGE
        self.jump_to(functions.munmap)


def parked_entry_page(functions: Functions) -> bytes:
    """Called in a borrowed thread: starts our thread; r12d tells what pthread_create returned."""
    code = _Assembler()
    code.label("start")
    code.raw("4883ec58")  # sub rsp, 88: a pthread_t and a pthread_attr_t
    code.create_thread(functions)
    code.raw("4189c4 4883c458")  # mov r12d, eax; add rsp, 88
    code.leave_entry_page(functions)
    return code.page()


def pending_entry_page(functions: Functions) -> bytes:
    """Called in the borrowed main thread: adds the pending call; r12d tells what Py_AddPendingCall
    returned.
    """
    code = _Assembler()
    code.label("start")
    code.raw("4883ec18")  # sub rsp, 24
    code.to_label("488d3d", "pending")  # lea rdi, [pending]
    code.raw("4889de")  # mov rsi, rbx
    code.call(functions.python["Py_AddPendingCall"])
    code.raw("4189c4 4883c420")  # mov r12d, eax; add rsp, 32 (to the signal frame)
    code.system_call(_RT_SIGRETURN)
    _pending_call(code, functions)
    code.gate()
    return code.page()


def _pending_call(code: _Assembler, functions: Functions) -> None:
    """int pending(block): starts our thread, with signals blocked; always 0, anything else would be an
    exception.
    """
    code.label("pending")
    code.raw("53 4883ec60 4889fb")  # push rbx; sub rsp, 96; mov rbx, rdi
    code.to_label("e8", "gate")  # call gate
    code.raw("85c0")  # test eax, eax
    code.jump_if_not_zero("refuse")
    code.at_block("488db3", block.MASK)  # lea rsi, [mask]
    code.set_mask("", "488d542450")  # lea rdx, [rsp+80]
    code.create_thread(functions)
    code.raw("89442458")  # mov [rsp+88], eax
    code.set_mask("488d742450", "31d2")  # lea rsi, [rsp+80]; xor edx, edx
    code.raw("8b442458 85c0")  # mov eax, [rsp+88]; test eax, eax
    code.jump_if_zero("leave")  # from here on the block may be gone
    code.at_block("8983", block.CREATE_ERROR)  # mov [create_error], eax
    code.set_progress(block.Progress.NO_THREAD)
    code.jump("leave")
    code.label("refuse")
    code.whole_mapping()
    code.call(functions.munmap)
    code.label("leave")
    code.raw("4883c460 5b")  # add rsp, 96; pop rbx
    code.leave_entry_page(functions)


def thread_page(functions: Functions) -> bytes:
    """void *thread(block): runs the source under the GIL, then unmaps itself and the block."""
    python = functions.python
    code = _Assembler()
    code.raw("53 55 4154 4155 4156 4889fb")  # push rbx, rbp, r12, r13, r14; mov rbx, rdi
    code.system_call(_GETTID)
    code.at_block("8983", block.TID)  # mov [tid], eax
    code.whole_mapping()
    code.raw(f"ba{_MADV_DONTFORK:02x}000000")  # mov edx, MADV_DONTFORK
    code.system_call(_MADVISE)
    code.set_progress(block.Progress.ENTERED)
    code.raw("41be" + struct.pack("<I", block.Progress.ABORTED).hex())  # mov r14d, ABORTED
    code.to_label("e8", "gate")
    code.raw("85c0")
    code.jump_if_not_zero("leave")
    code.call(python["PyGILState_Ensure"])
    code.raw("89c5 b8" + struct.pack("<I", block.Progress.RUNNING).hex())  # mov ebp, eax; mov eax, RUNNING
    code.at_block("8783", block.PROGRESS)  # xchg: seen by the operator before we look at the abort word
    code.to_label("e8", "gate")
    code.raw("85c0")
    code.jump_if_not_zero("release")
    _run_source(code, python)
    code.label("release")
    code.raw("89ef")  # mov edi, ebp
    code.call(python["PyGILState_Release"])
    code.label("leave")
    code.at_block("4489b3", block.PROGRESS)  # mov [progress], r14d
    code.raw(f"4183fe{block.Progress.FAILED:02x}")  # cmp r14d, FAILED
    code.jump_if_not_zero("unmap")
    code.raw(f"6a00 6a{block.LINGER_SECONDS:02x} 4889e7 31f6")  # push 0; push seconds; mov rdi, rsp; xor esi, esi
    code.system_call(_NANOSLEEP)
    code.raw("4883c410")  # add rsp, 16
    code.label("unmap")
    code.whole_mapping()
    code.raw("415e 415d 415c 5d 5b")  # pop r14, r13, r12, rbp, rbx
    code.jump_to(functions.munmap)
    code.gate()
    return code.page()


def _run_source(code: _Assembler, python: dict[str, int]) -> None:
    """Compiles and runs the source in a fresh namespace; r14d = DONE or FAILED. Uses r12 (code) and r13
    (names).
    """
    code.raw("4531e4 4531ed")  # xor r12d, r12d; xor r13d, r13d
    code.at_block("488dbb", block.SOURCE)
    code.at_block("488db3", block.FILENAME)
    code.raw("ba" + struct.pack("<I", _PY_FILE_INPUT).hex())  # mov edx, Py_file_input
    code.call(python["Py_CompileString"])
    code.raw("4989c4 4885c0")  # mov r12, rax; test rax, rax
    code.jump_if_zero("error")
    code.call(python["PyDict_New"])
    code.raw("4989c5 4885c0")  # mov r13, rax; test rax, rax
    code.jump_if_zero("error")
    code.call(python["PyEval_GetBuiltins"])
    code.raw("4889c2 4c89ef")  # mov rdx, rax; mov rdi, r13
    code.at_block("488db3", block.BUILTINS)
    code.call(python["PyDict_SetItemString"])
    code.raw("4c89e7 4c89ee 4c89ea")  # mov rdi, r12; mov rsi, r13; mov rdx, r13
    code.call(python["PyEval_EvalCode"])
    code.raw("4885c0")
    code.jump_if_zero("error")
    code.raw("4889c7")  # mov rdi, rax
    code.call(python["Py_DecRef"])
    code.raw("41be" + struct.pack("<I", block.Progress.DONE).hex())
    code.jump("drop")
    code.label("error")
    code.raw("41be" + struct.pack("<I", block.Progress.FAILED).hex())
    _keep_error_text(code, python)
    code.label("drop")
    for register in ("4c89ef", "4c89e7"):  # mov rdi, r13; mov rdi, r12
        code.raw(register)
        code.call(python["Py_DecRef"])  # takes NULL


def _keep_error_text(code: _Assembler, python: dict[str, int]) -> None:
    """Copies repr(exception) into the block, and clears the exception."""
    for function in ("PyErr_Fetch", "PyErr_NormalizeException"):
        code.at_block("488dbb", block.TYPE)
        code.at_block("488db3", block.VALUE)
        code.at_block("488d93", block.TRACE)
        code.call(python[function])
    code.at_block("488bbb", block.VALUE)
    code.call(python["PyObject_Repr"])
    code.at_block("488983", block.STRING)  # mov [string], rax
    code.raw("4885c0")
    code.jump_if_zero("no text")
    code.raw("4889c7")  # mov rdi, rax
    code.at_block("488db3", block.ENCODING)
    code.at_block("488d93", block.ERRORS)
    code.call(python["PyUnicode_AsEncodedString"])
    code.at_block("488983", block.BYTES)
    code.raw("4885c0")
    code.jump_if_zero("no text")
    code.raw("4889c7")
    code.call(python["PyBytes_Size"])
    code.raw("483d" + struct.pack("<I", block.TEXT_ROOM).hex())  # cmp rax, TEXT_ROOM
    code.to_label("0f86", "fits")  # jbe
    code.raw("b8" + struct.pack("<I", block.TEXT_ROOM).hex())
    code.label("fits")
    code.at_block("8983", block.TEXT_LENGTH)
    code.at_block("488bbb", block.BYTES)
    code.call(python["PyBytes_AsString"])
    code.raw("4889c6")  # mov rsi, rax
    code.at_block("488dbb", block.TEXT)
    code.at_block("8b8b", block.TEXT_LENGTH)  # mov ecx, [length]
    code.raw("f3a4")  # rep movsb
    code.label("no text")
    code.call(python["PyErr_Clear"])
    for offset in (block.BYTES, block.STRING, block.TYPE, block.VALUE, block.TRACE):
        code.at_block("488bbb", offset)
        code.call(python["Py_DecRef"])
