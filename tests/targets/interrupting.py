"""Interrupts that come without pause while the code ends. Prints how many came before its end and how many after.

A program of its own: in a test's process one may come inside somebody's gc callback, which swallows it.
"""

import sys
import threading

from attach_agent.interrupts import Interrupts

ROUNDS = 500

early, late = [], []


def target(interrupts, rounds):
    try:
        try:
            interrupts.begin(threading.get_ident())
            for _ in range(rounds):
                pass
        finally:
            interrupts.end()
    except KeyboardInterrupt as error:
        interrupts.end()
        early.append(error)
    try:
        for _ in range(2000):
            pass
    except KeyboardInterrupt as error:
        late.append(error)


# one that comes while another is handled ends the thread: that says nothing of those after the end
threading.excepthook = lambda args: None
sys.setswitchinterval(1e-6)
for number in range(ROUNDS):
    interrupts = Interrupts()
    thread = threading.Thread(target=target, args=(interrupts, number * 10))
    thread.start()
    while thread.is_alive():
        assert interrupts.send() == ""
print(len(early), len(late))
