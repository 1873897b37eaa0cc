"""Calls a debugger when it is asked to: words in the file that its argument names say how; what came of it is printed.

``breakpoint``, ``set_trace``, ``header``, ``commands`` and ``coroutine`` (Python 3.14), ``kept`` (imported from pdb at
the start), ``own`` (a hook of the program's), ``same`` (is all as it was?). With ``threaded:`` before it: in a thread.
"""

import asyncio
import os
import pdb
import sys
import threading
import time
from pdb import set_trace

before = dict(vars(pdb)), sys.breakpointhook
hooked = []
kept_since = None  # by the operator


def call_breakpoint():
    value = "breakpoint"
    breakpoint()
    return value


def call_set_trace():
    value = "set_trace"
    pdb.set_trace()
    return value


def call_header():
    value = "header"
    breakpoint(header="here it is")
    return value


def call_kept():
    value = "kept"
    set_trace()
    return value


def call_commands():
    value = "commands"
    pdb.set_trace(commands=["p value", "next"])
    return value


def call_coroutine():
    async def coroutine():
        value = "coroutine"
        await pdb.set_trace_async()
        return value

    return asyncio.run(coroutine())


def call_since():
    value = "since"
    kept_since()
    return value


def call_own():
    hook, sys.breakpointhook = sys.breakpointhook, lambda *args: hooked.append(args)
    breakpoint(1, 2)
    sys.breakpointhook = hook
    return hooked.pop()


def call_same():
    return before == (vars(pdb), sys.breakpointhook)


def never():
    return "for a breakpoint that waits"


def call_quietly(name):
    try:
        result = globals()["call_" + name]()
    except BaseException as error:
        result = type(error).__name__
    print("%s: %s" % (name, result), flush=True)


def threaded(name):
    threading.Thread(target=call_quietly, args=(name,)).start()


if __name__ == "__main__":
    requests = sys.argv[1]
    print("ready", flush=True)
    while True:
        if os.path.exists(requests):
            with open(requests) as file:
                wanted = file.read().split()
            os.unlink(requests)
            for name in wanted:
                if name.startswith("threaded:"):
                    threaded(name.partition(":")[2])
                else:
                    call_quietly(name)
        time.sleep(0.01)
