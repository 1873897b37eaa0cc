"""Python that C calls back: sorts, hooks, regular expressions, collectors, ctypes, hooks of the interpreter."""

import builtins
import bisect
import copy
import ctypes
import functools
import gc
import itertools
import re
import sys
import types
import warnings
import weakref


def ordering(values):
    def key(value):
        return -value

    def compare(a, b):
        if a < b:
            return 1
        return -1

    sorted(values, key=key)
    sorted(values, key=functools.cmp_to_key(compare))
    values.sort(
        key=lambda value:
        -value
    )
    max(values, key=lambda value: value)
    list(itertools.groupby(values, lambda value: value % 2))
    list(itertools.accumulate(values, lambda a, b: a + b))
    list(itertools.takewhile(lambda value: value > 1, values))
    return list(map(key, filter(lambda value: value, values)))


def expressions(text):
    def replace(match):
        if match.group() == "a":
            return "b"
        return match.group().upper()

    return re.sub("[a-c]", replace, text)


def in_c():
    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    def compare(a, b):
        return a[0] - b[0]

    numbers = (ctypes.c_int * 3)(3, 1, 2)
    try:
        ctypes.CDLL(None).qsort(numbers, 3, ctypes.sizeof(ctypes.c_int), compare)
    except AttributeError:
        return None
    return list(numbers)


def collector():
    log = []

    def callback(phase, info):
        log.append(phase)

    gc.callbacks.append(callback)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(callback)
    return log


class Referent:
    def __deepcopy__(self, memo):
        return Referent()

    def __copy__(self):
        return self


def references():
    log = []

    def gone(reference):
        log.append(reference)

    thing = Referent()
    reference = weakref.ref(thing, gone)
    weakref.finalize(thing, finalised, log)
    copy.copy(thing)
    copy.deepcopy([thing])
    del thing
    return reference(), log


def finalised(log):
    log.append("finalised")


def hooks():
    shown, before = [], warnings.showwarning

    def show(*args, **kwargs):
        shown.append(args)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        warnings.warn("told to")
    assert warnings.showwarning is before
    unraisable, sys.unraisablehook = sys.unraisablehook, lambda details: shown.append(details.exc_type)
    try:
        Unraisable()
    finally:
        sys.unraisablehook = unraisable
    displayed, sys.displayhook = sys.displayhook, lambda value: shown.append(value)
    try:
        exec(compile("1", "<made>", "single"))
    finally:
        sys.displayhook = displayed
    imported = builtins.__import__

    def importing(name, *args, **kwargs):
        shown.append(name)
        return imported(name, *args, **kwargs)

    builtins.__import__ = importing
    try:
        import parts.constants
    finally:
        builtins.__import__ = imported
    return shown, parts


class Unraisable:
    def __del__(self):
        raise ValueError("cannot be raised")


class Key:
    def __init__(self, n):
        self.n = n

    def __lt__(self, other):
        return self.n < other.n

    def __eq__(self, other):
        if isinstance(other, Key):
            return self.n == other.n
        return NotImplemented

    def __hash__(self):
        return 1


def tables():
    table = {Key(n): n for n in range(3)}
    bisect.insort([Key(1), Key(3)], Key(2))
    return table[Key(2)], Key(1) in table, Key(1) == 1


def profiled():
    """A profiler of the program's own has a place that is not the tracer's."""
    events = []

    def profile(frame, event, arg):
        events.append(event)

    before = sys.getprofile()
    sys.setprofile(profile)
    len("")
    sys.setprofile(before)
    return events


def descriptors():
    class Dynamic:
        def __getattribute__(self, name):
            return object.__getattribute__(self, name)

        def __setattr__(self, name, value):
            object.__setattr__(self, name, value)

        def __delattr__(self, name):
            object.__delattr__(self, name)

    dynamic = Dynamic()
    dynamic.a = 1
    dynamic.a
    del dynamic.a
    bound = types.MethodType(lambda self, n: n, dynamic)
    return bound(1), property(lambda self: 1).__get__(dynamic), functools.partialmethod(bound)


def main():
    ordering([3, 1, 2])
    expressions("abcd")
    in_c()
    collector()
    references()
    hooks()
    tables()
    profiled()
    descriptors()
