"""Threads that run Python in one way or another are stopped, ten times each, while two others must never be."""

from selfstop import Stop, in_thread, new_stopping, pause, report, started, traces_left, wait_until

TIMES = 10
beats = [0, 0]


def beating(number):
    while True:
        beats[number] += 1
        pause(0.001)
        called(10)


def called(count):
    total = 0
    for number in range(count):
        total += number
    return total


def calling():
    while wanted is calling:
        called(50)


def looping():
    while wanted is looping:
        pass


def sorting():
    while wanted is sorting:
        sorted(range(1000), key=lambda number: -number)


def generating():
    while wanted is generating:
        for _ in generator():
            pass


def generator():
    for number in range(100):
        yield number


def recursing():
    def deeper(depth):
        if depth:
            deeper(depth - 1)

    while wanted is recursing:
        deeper(300)


# as a formatter would not leave it
exec("def one_line():\n    while wanted is one_line: len('x')\n")


def comprehending():
    [None for _ in iter(lambda: wanted is comprehending, False)]


def raising():
    while wanted is raising:
        try:
            {}["x"]
        except KeyError:
            pass


wanted = None
for number in range(2):
    started(beating, number)
stopping = new_stopping()
facts = {}
for function in (calling, looping, sorting, generating, recursing, one_line, comprehending, raising):  # noqa: F821
    wanted = function
    thread = started(function)
    stops = []
    for _ in range(TIMES):
        stop = Stop(hold=True)
        problem = in_thread(stopping.request, thread.ident, stop)
        wait_until(lambda: stop.frames or problem)
        before = list(beats)
        wait_until(lambda: all(now > then for now, then in zip(beats, before)))
        stopped = not stop.left
        stop.hold = False
        wait_until(lambda: stop.left)
        stops.append(stop)
        assert not in_thread(stopping.revoke), "it was fired"
    facts[function.__name__] = {
        "stops": [len(stop.frames) for stop in stops],
        "threads": [stop.threads == [thread.ident] for stop in stops].count(False),
        "names": sorted({name for stop in stops for name, _ in stop.frames}),
        "meanwhile": [trace for stop in stops for trace in map(str, stop.traced + stop.tools)],
        "held": stopped,
        "left": traces_left(function, called, generator, beating),
    }
report(facts)
