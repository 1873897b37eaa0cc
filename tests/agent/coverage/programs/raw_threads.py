"""Starts a thread that no hook of `threading` sees, after the attach."""

import _thread

from selfattach import SelfAttach, report, wait_until

finished = False


def raw():
    while not finished:
        deeper()


def deeper():
    return None


attach = SelfAttach()
attach.start()
_thread.start_new_thread(raw, ())
wanted = {raw.__code__.co_firstlineno + 1, raw.__code__.co_firstlineno + 2, deeper.__code__.co_firstlineno + 1}
wait_until(lambda: wanted <= attach.lines_of(__file__))
attach.stop()
finished = True
report(found=True)
