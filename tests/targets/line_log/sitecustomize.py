"""Logs each line that a program executes below $LINE_LOG_ROOT to $LINE_LOG: slow, simple, and true from the start.

With this folder on PYTHONPATH every Python program loads it. It is what the marks in tests/targets are checked with.
"""

import os
import sys
import threading

ROOT = os.environ["LINE_LOG_ROOT"]
log = os.open(os.environ["LINE_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def trace_call(frame, event, arg, root=ROOT):
    """The tracer of a new frame: of those below the root, each line."""
    name = frame.f_code.co_filename
    return trace_line if name.startswith(root) else None


def trace_line(frame, event, arg, write=os.write, descriptor=log):
    """Log a line as `name of the file:number`."""
    if event == "line":
        name = frame.f_code.co_filename.rpartition("/")[2]
        write(descriptor, ("%s:%d\n" % (name, frame.f_lineno)).encode())
    return trace_line


threading.settrace(trace_call)
sys.settrace(trace_call)
