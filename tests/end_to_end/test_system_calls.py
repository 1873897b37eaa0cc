"""The table by which seccomp filters are judged holds all that we do in a process."""

from attach.inject.system_calls import Argument, Call, calls_of
from attach.inject.x86_64 import X86_64
from tests.support.command import attach, succeed
from tests.support.interpreters import Interpreter, on_interpreters
from tests.support.marks import TARGETS
from tests.support.processes import running, wait_until
from tests.support.recorder import ASK, Made, recording

POLL = 7


def covers(call: Call, made: Made) -> bool:
    """Whether a call is one of the table's: an argument that is fixed there has that value, in 32 bits."""
    return call.number == made.number and all(
        wanted in tuple(Argument) or (wanted ^ value) & 0xFFFFFFFF == 0
        for wanted, value in zip(call.arguments, made.arguments, strict=False)
    )


@on_interpreters("3.8", "3.11", "3.12", "3.14")
def test_every_system_call_is_in_the_table(interpreter: Interpreter) -> None:
    """From the injection to detach, nothing is called in the target that no filter would be asked about."""
    methods = ["ptrace", "remote-exec"] if interpreter.version >= (3, 14) else ["ptrace"]
    with running([interpreter.path, TARGETS / "filtered.py", "listen:" + ASK.hex()], ready=r"^ready \d+$") as target:
        descriptor = int(target.stdout.split()[1])
        with recording(target.pid, descriptor) as made:
            for method in methods:
                succeed(target.pid, "start-coverage", "--force", "--method", method)
                wait_until(lambda: "filtered.py" in attach(target.pid, "snapshot").stdout, "lines")
                succeed(target.pid, "detach")
    table = calls_of(X86_64())
    assert any(call.thread == "live-attach" for call in made)
    ours = [call for call in made if call.thread == "live-attach" or call.number != POLL]  # the program itself waits
    assert not {call for call in ours if not any(covers(known, call) for known in table)}
