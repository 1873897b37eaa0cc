"""Exceptions and where they are told: raised, passed on, raised once more, hidden, ended by control flow."""

import queue
import threading

from selfbreak import SelfBreak, report, wait_until

from attach_agent.debugger.breakpoints import postmortem


class Problem(ValueError):
    pass


def raising(kind=Problem):
    raise kind("raised")


def passing(kind=Problem):
    raising(kind)


def catching(kind=Problem):
    try:
        passing(kind)
    except Exception:
        return "caught"


def cleaning():
    try:
        try:
            raising()
        finally:
            str(1)
    except Problem:
        pass


def bare():
    try:
        try:
            raising()
        except Problem:
            raise
    except Problem:
        pass


def once_more():
    try:
        try:
            raising()
        except Problem as error:
            raise error
    except Problem:
        pass


def chained():
    try:
        try:
            raising()
        except Problem as error:
            raise KeyError("other") from error
    except KeyError:
        pass


def of_c():
    try:
        int("x")
    except ValueError:
        pass


def by_c():
    try:
        list(map(raising, [Problem]))
    except Problem:
        pass


def hidden():
    __tracebackhide__ = True
    raise Problem("hidden")


def calls_hidden():
    try:
        hidden()
    except Problem:
        pass


def looping():
    for _ in iter([1, 2]):
        pass
    list(x for x in (1, 2))
    next(iter(()), None)
    generator = (x for x in (1, 2))
    next(generator)
    generator.close()
    return getattr(looping, "nothing", None)


def stopping():
    try:
        next(iter(()))
    except StopIteration:
        pass


def generating():
    def inner():
        raising()
        yield

    def outer():
        yield from inner()

    try:
        list(outer())
    except Problem:
        pass


def stored(error):
    try:
        raise error
    except Problem:
        pass


def in_other_thread():
    caught = []

    def work():
        try:
            raising()
        except Problem as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    stored(caught[0])


CASES = [catching, cleaning, bare, once_more, chained, of_c, by_c, calls_hidden, looping, stopping, generating]
CASES += [in_other_thread]


def told(name, *cases):
    breaks = SelfBreak()
    breaks.arm_exceptions(name)
    found = {}
    for case in cases:
        case()
        found[case.__name__], breaks.raised = breaks.raised, []
    breaks.close()
    catching()
    assert not breaks.raised
    return found


before = Problem("before")
try:
    raise before
except Problem:
    pass
anything = told("*", *CASES)
old = told("*", lambda: stored(before))["<lambda>"]
named = {name: told(name, catching)["catching"] for name in ("Problem", "ValueError", "__main__.Problem", "KeyError")}
named["exceptions.Problem"] = told("exceptions.Problem", catching)["catching"]
control = told("StopIteration", stopping)["stopping"]

# what has begun before, and a line beside
waiting = queue.Queue()


def began_before():
    waiting.get()
    try:
        raise Problem("late")  # late
    except Problem:
        pass


thread = threading.Thread(target=began_before)
thread.start()
wait_until(lambda: waiting.not_empty._waiters)
breaks = SelfBreak()
breaks.arm_exceptions("Problem")
line = began_before.__code__.co_firstlineno + 3
breaks.arm(__file__, line)
waiting.put(1)
thread.join()
late = [breaks.raised, breaks.hits]
breaks.close()

try:
    try:
        raising()
    except Problem as error:
        raise KeyError("last") from error
except KeyError as error:
    chain = [type(one).__name__ for one in postmortem.chain(error)]
    subject = type(postmortem.subject(error)).__name__
try:
    calls = [hidden]
    calls[0]()
except Problem as error:
    shown, entry = [], postmortem.visible(error.__traceback__)
    while entry is not None:
        shown.append(entry.tb_frame.f_code.co_name)
        entry = entry.tb_next
    own = error.__traceback__.tb_next is not None
report(
    anything=anything,
    old=old,
    named=named,
    control=control,
    late=late,
    line=line,
    chain=chain,
    subject=subject,
    shown=shown,
    own=own,
)
