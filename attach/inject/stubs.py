"""The code that is mapped into the target, for every architecture. What the three pages are for is told in block.py."""

from attach.inject import block
from attach.inject.assembler import RESULT, Assembler, At, Here, Kept, Local, Operand, Word
from attach.inject.machine import Functions

_MADV_DONTFORK = 10
_SIG_SETMASK = 2
_SIGNAL_SET_SIZE = 8
_PTHREAD_CREATE_DETACHED = 1
_PY_FILE_INPUT = 257
_CLOCK_REALTIME = 0
_STACK_SIZE = 2 << 20

_BLOCK, _CODE, _NAMES, _OUTCOME, _GIL = Kept.BLOCK, Kept.FIRST, Kept.SECOND, Kept.OUTCOME, Kept.GIL
#: What an entry page has made: `Machine.created` reads it.
_CREATED = Kept.FIRST

# a frame for pthread_create: a pthread_t, a pthread_attr_t (at most 64 bytes), a signal mask
_THREAD, _ATTRIBUTES, _OLD_MASK = Local(0), Local(16), Local(80)
_THREAD_ROOM = 96
_TIMESPEC, _TIMESPEC_ROOM = Local(0), 16


def parked_entry_page(code: Assembler, functions: Functions) -> bytes:
    """Called in a borrowed thread, with BLOCK set: starts our thread, unmaps its own page, goes home."""
    code.label("start")
    code.open_frame(_THREAD_ROOM)
    _create_thread(code, functions)
    code.keep(_CREATED)
    code.arguments(Here("start"), block.PAGE)
    code.close_frame(_THREAD_ROOM)
    code.jump_to(functions.munmap)
    return code.page()


def pending_entry_page(code: Assembler, functions: Functions) -> bytes:
    """Called in the borrowed main thread, with BLOCK set: adds the pending call, whose code it holds, and goes home."""
    code.label("start")
    code.open_frame(0)
    code.call(functions.python["Py_AddPendingCall"], Here("pending"), _BLOCK)
    code.keep(_CREATED)
    code.return_from_signal(0)
    _pending_call(code, functions)
    _gate(code)
    return code.page()


def thread_page(code: Assembler, functions: Functions) -> bytes:
    """void *thread(block): runs the source under the GIL, then unmaps itself and the block."""
    code.save_registers()
    code.take_block()
    code.open_frame(_TIMESPEC_ROOM)
    code.system_call("gettid")
    code.store(RESULT, block.TID)
    code.system_call("madvise", *_whole_mapping(), _MADV_DONTFORK)
    code.store_progress(block.Progress.ENTERED)
    code.set(_OUTCOME, block.Progress.ABORTED)
    code.call_label("gate")
    code.jump_if_not_zero(RESULT, "leave")
    code.call(functions.python["PyGILState_Ensure"])
    code.keep(_GIL)
    code.store_progress(block.Progress.RUNNING)  # seen by the operator before we look at the abort word
    code.call_label("gate")
    code.jump_if_not_zero(RESULT, "release")
    _run_source(code, functions.python)
    code.label("release")
    code.call(functions.python["PyGILState_Release"], _GIL)
    code.label("leave")
    code.store_progress(_OUTCOME)
    code.jump_unless(_OUTCOME, block.Progress.FAILED, "unmap")
    code.store_local(_TIMESPEC.offset, block.LINGER_SECONDS)
    code.store_local(_TIMESPEC.offset + 8, 0)
    code.system_call("nanosleep", _TIMESPEC, 0)
    code.label("unmap")
    code.arguments(*_whole_mapping())
    code.close_frame(_TIMESPEC_ROOM)
    code.restore_registers()
    code.jump_to(functions.munmap)
    _gate(code)
    return code.page()


def _whole_mapping() -> tuple[Operand, Operand]:
    """Address and size of thread page and block together."""
    return At(-block.PAGE), Word(block.SIZE)


def _gate(code: Assembler) -> None:
    """The subroutine `gate`: RESULT = 0 if the source may still be run."""
    code.label("gate")
    code.open_frame(_TIMESPEC_ROOM)
    code.jump_if_set(block.ABORT, "shut")
    code.system_call("getpid")
    code.jump_if_different(block.INNER_PID, "shut")  # a forked child
    code.system_call("clock_gettime", _CLOCK_REALTIME, _TIMESPEC)
    code.jump_if_past(block.DEADLINE, "shut")
    code.set_result(0)
    code.close_frame(_TIMESPEC_ROOM)
    code.return_()
    code.label("shut")
    code.set_result(1)
    code.close_frame(_TIMESPEC_ROOM)
    code.return_()


def _create_thread(code: Assembler, functions: Functions) -> None:
    """RESULT = pthread_create(..., thread page, block): a detached thread with a stack of its own size.

    With musl the usual stack, of 128 KB, is too small for CPython's compiler.
    """
    code.call(functions.pthread_attr_init, _ATTRIBUTES)
    code.call(functions.pthread_attr_setstacksize, _ATTRIBUTES, _STACK_SIZE)
    code.call(functions.pthread_attr_setdetachstate, _ATTRIBUTES, _PTHREAD_CREATE_DETACHED)
    code.call(functions.pthread_create, _THREAD, _ATTRIBUTES, At(-block.PAGE), _BLOCK)


def _pending_call(code: Assembler, functions: Functions) -> None:
    """int pending(block): starts our thread, with signals blocked, and unmaps its own page.

    Always 0, as munmap gives: anything else would be an exception.
    """
    code.label("pending")
    code.save_registers()
    code.take_block()
    code.open_frame(_THREAD_ROOM)
    code.call_label("gate")
    code.jump_if_not_zero(RESULT, "refuse")
    code.system_call("rt_sigprocmask", _SIG_SETMASK, At(block.MASK), _OLD_MASK, _SIGNAL_SET_SIZE)
    _create_thread(code, functions)
    code.keep(_CREATED)
    code.system_call("rt_sigprocmask", _SIG_SETMASK, _OLD_MASK, 0, _SIGNAL_SET_SIZE)
    code.jump_if_zero(_CREATED, "leave")  # from here on the block may be gone
    code.store(_CREATED, block.CREATE_ERROR)
    code.store_progress(block.Progress.NO_THREAD)
    code.jump("leave")
    code.label("refuse")
    code.call(functions.munmap, *_whole_mapping())
    code.label("leave")
    code.arguments(Here("start"), block.PAGE)
    code.close_frame(_THREAD_ROOM)
    code.restore_registers()
    code.jump_to(functions.munmap)


def _run_source(code: Assembler, python: dict[str, int]) -> None:
    """Compiles and runs the source in a fresh namespace; OUTCOME = DONE or FAILED."""
    code.set(_CODE, 0)
    code.set(_NAMES, 0)
    code.call(python["Py_CompileString"], At(block.SOURCE), At(block.FILENAME), _PY_FILE_INPUT)
    code.keep(_CODE)
    code.jump_if_null(_CODE, "error")
    code.call(python["PyDict_New"])
    code.keep(_NAMES)
    code.jump_if_null(_NAMES, "error")
    code.call(python["PyEval_GetBuiltins"])
    code.call(python["PyDict_SetItemString"], _NAMES, At(block.BUILTINS), RESULT)
    code.call(python["PyEval_EvalCode"], _CODE, _NAMES, _NAMES)
    code.jump_if_null(RESULT, "error")
    code.call(python["Py_DecRef"], RESULT)
    code.set(_OUTCOME, block.Progress.DONE)
    code.jump("drop")
    code.label("error")
    code.set(_OUTCOME, block.Progress.FAILED)
    _keep_error_text(code, python)
    code.label("drop")
    for reference in (_NAMES, _CODE):
        code.call(python["Py_DecRef"], reference)  # takes NULL


def _keep_error_text(code: Assembler, python: dict[str, int]) -> None:
    """Copies repr(exception) into the block, and clears the exception."""
    for function in ("PyErr_Fetch", "PyErr_NormalizeException"):
        code.call(python[function], At(block.TYPE), At(block.VALUE), At(block.TRACE))
    code.call(python["PyObject_Repr"], Word(block.VALUE))
    code.store_pointer(block.STRING)
    code.jump_if_null(RESULT, "no text")
    code.call(python["PyUnicode_AsEncodedString"], RESULT, At(block.ENCODING), At(block.ERRORS))
    code.store_pointer(block.BYTES)
    code.jump_if_null(RESULT, "no text")
    code.call(python["PyBytes_Size"], RESULT)
    code.limit_result(block.TEXT_ROOM)
    code.store(RESULT, block.TEXT_LENGTH)
    code.call(python["PyBytes_AsString"], Word(block.BYTES))
    code.copy_text()
    code.label("no text")
    code.call(python["PyErr_Clear"])
    for offset in (block.BYTES, block.STRING, block.TYPE, block.VALUE, block.TRACE):
        code.call(python["Py_DecRef"], Word(offset))
