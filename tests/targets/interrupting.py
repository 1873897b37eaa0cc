"""An interrupt is held up on its way, just before it is set in the thread, and that thread comes to its end meanwhile.

Prints how many interrupts came before the end of their thread, and how many after it. A program of its own: in a test's
process one may come inside somebody's gc callback, which swallows it.
"""

import sys
import threading
import time

from attach_agent import interrupts as module

ROUNDS = 20
END = module.Interrupts.end.__code__
WAITING = 20  # looks, a millisecond apart, after which a thread that is still in `end` counts as waiting there
DEADLINE = 30.0


class Race:
    """One thread, and one interrupt for it."""

    def __init__(self):
        self.begun = self.held = self.ended = self.sent = False
        self.early = self.late = 0
        self.interrupts = module.Interrupts()
        self.set_really = module._set_async_exc()
        self.interrupts._set = self.set_held_up

    def set_held_up(self, thread, exception):
        """What `send` calls, with the thread that it has found, and `end` to take one back."""
        if exception:
            self.held = True
            self.wait_for_end(thread)
        self.set_really(thread, exception)

    def thread(self):
        try:
            try:
                self.interrupts.begin(threading.get_ident())
                self.begun = True
                wait_until(lambda: self.held)
            finally:
                self.interrupts.end()
        except KeyboardInterrupt:
            self.interrupts.end()
            self.early += 1
        self.ended = True
        try:
            wait_until(lambda: self.sent)
            for _ in range(1000):
                pass
        except KeyboardInterrupt:
            self.late += 1

    def wait_for_end(self, ident):
        """Until the thread has come to its end, or waits in it."""
        seen = 0
        while not self.ended and seen < WAITING:
            frame, codes = sys._current_frames().get(ident), []
            while frame is not None:
                codes.append(frame.f_code)
                frame = frame.f_back
            seen = seen + 1 if END in codes else 0
            time.sleep(0.001)

    def run(self):
        thread = threading.Thread(target=self.thread, daemon=True)
        thread.start()
        wait_until(lambda: self.begun)
        assert self.interrupts.send() == ""
        self.sent = True
        thread.join(DEADLINE)
        assert not thread.is_alive()


def wait_until(condition):
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.0005)


races = [Race() for _ in range(ROUNDS)]
for race in races:
    race.run()
print(sum(race.early for race in races), sum(race.late for race in races))
