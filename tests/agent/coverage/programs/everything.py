"""What has begun before the attach, and what begins after it. The marks say which lines are reported."""

import asyncio  # before
import threading  # before

from selfattach import InThread, SelfAttach, report, wait_until  # before

measuring = False  # before
finished = False  # before
ready = []  # before
turned = [0]  # before


def spin():  # before
    """A loop in a thread that runs already."""
    ready.append("spin")  # before
    turns = 0  # before
    while not finished:  # ran
        turns += 1  # ran
        turned[0] = turns  # ran
        if turns == -1:  # ran
            turns = 0  # not
    return turns  # ran


def blocked(lock):  # before
    """A thread that sleeps in C, in a function called by others."""
    ready.append("blocked")  # before
    with lock:  # perhaps
        after = 1  # ran
    return after  # ran


def deeper(lock):  # before
    result = blocked(lock)  # live
    return result + 1  # ran


def recursive(depth, lock):  # before
    if depth:  # before
        return recursive(depth - 1, lock) + 1  # live
    value = deeper(lock)  # live
    ready.append("recursive")  # ran
    return value  # ran


def suspended():  # before
    """A generator that has begun."""
    first = yield 1  # live
    second = yield first  # ran
    try:  # ran
        yield second  # ran
    except KeyError:  # ran
        yield "thrown"  # ran
    finally:  # perhaps
        ready.append("closed")  # ran


def delegating(inner):  # before
    yield from inner  # perhaps
    yield "end"  # not


async def waiting(event):  # before
    """A coroutine that waits in a task."""
    ready.append("waiting")  # before
    await event.wait()  # perhaps
    await asyncio.sleep(0)  # ran
    return "woken"  # ran


async def ticking():  # before
    count = 0  # before
    async for number in numbers():  # ran
        count += number  # ran
    return count  # ran


async def numbers():  # before
    while not finished:  # ran
        yield 1  # ran
        await asyncio.sleep(0)  # ran


async def main_task(started):  # before
    event = asyncio.Event()  # before
    tasks = [asyncio.ensure_future(waiting(event)), asyncio.ensure_future(ticking())]  # before
    await asyncio.sleep(0)  # before
    started.append(True)  # before
    while not measuring:  # perhaps
        await asyncio.sleep(0.001)  # perhaps
    event.set()  # ran
    while not finished:  # perhaps
        await asyncio.sleep(0.001)  # perhaps
    return [await task for task in tasks]  # ran


class Late:  # before
    """Called only after the attach."""

    def method(self, flag):  # before
        if flag:  # ran
            return [n for n in range(3) if n]  # ran
        return None  # not

    @property
    def attribute(self):  # perhaps
        return (lambda: 5)()  # ran


def late_thread(done):  # before
    values = {n: n for n in range(2)}  # ran
    done.append(values)  # ran


def caught():  # before
    try:  # ran
        raise ValueError  # ran
    except ValueError:  # ran
        return "caught"  # ran
    return "not"  # not


def main():  # before
    global measuring, finished  # perhaps
    lock = threading.Lock()  # before
    lock.acquire()  # before
    threads = [  # before
        threading.Thread(target=spin),  # before
        threading.Thread(target=recursive, args=(20, lock)),  # before
    ]  # perhaps
    loop = asyncio.new_event_loop()  # before
    tasks = []  # before
    outcome = []  # before
    threads.append(threading.Thread(target=lambda: outcome.append(loop.run_until_complete(main_task(tasks)))))  # live
    for thread in threads:  # before
        thread.start()  # before
    generator = suspended()  # before
    next(generator)  # before
    outer = delegating(suspended())  # before
    next(outer)  # before
    wait_until(lambda: tasks and {"spin", "blocked", "waiting"} <= set(ready))  # before

    attach = SelfAttach()  # before
    starting = InThread(attach.start)  # before
    while not starting.done:  # perhaps
        pass  # perhaps
    starting.result()  # perhaps
    measuring = True  # ran
    assert generator.send(2) == 2  # ran
    next(generator)  # ran
    assert generator.throw(KeyError()) == "thrown"  # ran
    generator.close()  # ran
    outer.send(3)  # ran
    lock.release()  # ran
    wait_until(lambda: "recursive" in ready)  # ran
    assert Late().method(True) == [1, 2] and Late().attribute == 5  # ran
    done = []  # ran
    after = threading.Thread(target=late_thread, args=(done,))  # ran
    after.start()  # ran
    after.join()  # ran
    caught()  # ran
    import late_module  # ran

    assert late_module.double(2) == 4  # ran
    goal = turned[0] + 2  # ran
    wait_until(lambda: turned[0] >= goal)  # ran
    finished = True  # ran
    for thread in threads:  # ran
        thread.join()  # ran
    loop.close()  # ran
    assert outcome == [["woken", outcome[0][1]]]  # ran
    del outer  # ran
    entered = attach.entered(__file__) if attach.branch else []  # perhaps
    report(main=attach.lines_of(__file__), late=attach.lines_of(late_module.__file__), entered=entered)  # ran
    attach.stop()  # not


main()  # before
