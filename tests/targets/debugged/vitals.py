"""How a program is while others debug it: do all its threads run on, and is it as it was before?

`start()` makes three heartbeats, threads that each need what a stopped thread might hold, and a thread that answers on
a port of its own, in one line of JSON, and writes `vitals PORT`. Under gevent it must be imported before the patches:
all here are real threads, and use nothing that is patched.
"""

import _socket
import _thread
import json
import logging
import os
import sys
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import interior

try:  # it keeps a descriptor of libffi open, for good
    import _ctypes  # noqa: F401
except ImportError:
    pass

_sleep, _now, _start, _ident = time.sleep, time.perf_counter, _thread.start_new_thread, _thread.get_ident

PAUSE = 0.01  # seconds between two beats

beats = {}  # name of the heartbeat: [how many beats, the largest gap in seconds]
tracers = {}  # ident of the thread: what traces it, when it said so last
logger = logging.getLogger("heartbeat")


def note():
    """Each thread of the program says with this what traces it."""
    tracers[_ident()] = _tracer()


def _tracer():
    return "%s %s" % (interior._name(sys.gettrace()), interior._name(sys.getprofile()))


def _beat(name, work):
    record = beats[name] = [0, 0.0]
    last = _now()
    while True:
        _sleep(PAUSE)
        work(record[0])
        note()
        now = _now()
        record[0] += 1
        record[1] = max(record[1], now - last)
        last = now


def _plain(_number):
    pass


def _print(number):
    if number % 50 == 0:
        print("heartbeat", number // 50, flush=True)
        logger.warning("logged %d", number // 50)


def _import(number):
    if number % 10 == 0:
        try:
            import there_is_no_such_module  # noqa: F401
        except ImportError:
            pass


STANDARD = os.path.dirname(os.__file__) + os.sep


def _outermost_modules():
    return [(name, module) for name, module in list(sys.modules.items()) if "." not in name]


def _is_standard(module):
    file = getattr(module, "__file__", None)
    if file is None:
        return getattr(getattr(module, "__spec__", None), "origin", None) in ("built-in", "frozen")
    return file.startswith(STANDARD) and "site-packages" not in file


def look():
    """Plain values: equal to an earlier look if nothing was left behind."""
    things = (sys.stdin, sys.stdout, sys.stderr, sys.displayhook, sys.breakpointhook)
    return {
        "interior": interior.look(),
        "tracers": sorted(set(tracers.values())),
        "strange": sorted(name for name, module in _outermost_modules() if not _is_standard(module)),
        "identities": [id(thing) for thing in things],
    }


def _answer(question):
    if question == b"beats":
        return beats
    if question == b"calm":
        for record in list(beats.values()):
            record[1] = 0.0
        return True
    if question == b"forget":
        tracers.clear()
        return True
    return look()


def _serve(listener):
    while True:
        try:
            descriptor, _ = listener._accept()
        except InterruptedError:
            continue
        try:
            answer = json.dumps(_answer(os.read(descriptor, 100).strip()))
            os.write(descriptor, answer.encode() + b"\n")
        except OSError:
            pass
        finally:
            os.close(descriptor)


def start():
    """In a program that forks: in the child that is looked at."""
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    for name, work in (("plain", _plain), ("printing", _print), ("importing", _import)):
        _start(_beat, (name, work))
    _start(_serve, (listener,))
    os.write(2, b"vitals %d of %d\n" % (listener.getsockname()[1], os.getpid()))
