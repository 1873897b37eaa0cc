"""A thread is stopped inside the callback of a line, after the line was added, while a snapshot takes it away.

The callback then has the line switched off. When it runs again, it must be in the next snapshot all the same.
"""

import threading

from selfattach import SelfAttach, report, wait_until


class Holding(set):
    """A set of lines that holds up the thread that adds the line `hold`, when it is in."""

    held = False
    hold = 0

    def add(self, line):
        set.add(self, line)
        if line == self.hold and threading.current_thread() is thread:
            self.held = True
            wait_until(lambda: not self.hold)


def call():
    return 1  # line


line = call.__code__.co_firstlineno + 1
attach = SelfAttach()
attach.start()
recording = attach.coverage.view("", "", False).history.recording
recording.lines_of(__file__, globals())
lines = Holding(recording.files[__file__])
recording.files[__file__] = recording.by_code_name[__file__] = lines
lines.hold = line
thread = threading.Thread(target=call)
thread.start()
wait_until(lambda: lines.held)
first = attach.snapshot(reset=True)[__file__]
lines.hold = 0
thread.join()
call()
second = attach.snapshot(reset=True)[__file__]
report(line=line, first=first, second=second)
