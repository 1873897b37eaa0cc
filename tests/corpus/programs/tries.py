"""try, except, else, finally in all nestings; return, break, continue and raise through finally."""


class Failed(Exception):
    pass


def fail(kind=ValueError):
    raise kind("told to")


def handlers(kind):
    try:
        if kind:
            raise kind
        result = "fine"
    except ValueError:
        result = "value"
    except (KeyError, IndexError) as error:
        result = error.args
    except Failed:
        result = "failed"
    except Exception:
        result = "other"
    else:
        result += "!"
    finally:
        result = result or "finally"
    return result


def unhandled(kind):
    try:
        try:
            fail(kind)
        except KeyError:
            return "key"
    except ValueError:
        return "value"
    except:
        return "bare"
    return "none"


def only_finally(n):
    log = []
    try:
        log.append(n)
    finally:
        log.append("end")
    return log


def returns_through(n):
    log = []
    try:
        if n == 0:
            return "returned", log
        if n == 1:
            return log.append("computed")
        if n == 2:
            raise Failed
    except Failed:
        return log
    else:
        log.append("else")
        return log
    finally:
        log.append("finally")


def finally_in_finally(n):
    log = []
    try:
        try:
            if n == 0:
                return log
            if n == 1:
                fail()
            log.append(1)
        finally:
            log.append(2)
            try:
                if n == 2:
                    return log
                log.append(3)
            finally:
                log.append(4)
    except ValueError:
        log.append(5)
    finally:
        log.append(6)
    return log


def breaks(n):
    log = []
    while True:
        try:
            n += 1
            if n == 2:
                continue
            if n == 3:
                fail()
            if n == 5:
                break
        except ValueError:
            log.append("handled")
            continue
        else:
            log.append("else")
        finally:
            log.append("finally")
    for i in range(3):
        try:
            if i == 1:
                raise Failed
        except Failed:
            break
        finally:
            log.append(i)
    else:
        log.append("not reached")
    for i in range(2):
        try:
            pass
        finally:
            if i:
                break_here(i)
    return log


def break_here(i):
    return i


def raises_through(log):
    try:
        try:
            fail()
        finally:
            log.append("inner")
    finally:
        log.append("outer")


def raises_in_handler(n):
    try:
        fail()
    except ValueError as error:
        if n == 0:
            raise
        if n == 1:
            raise Failed from error
        if n == 2:
            raise Failed from None
        raise Failed(
            "several",
            "lines",
        ) from error
    finally:
        n += 1


def raises_in_else():
    try:
        value = 1
    except ValueError:
        value = 2
    else:
        fail(Failed)
    finally:
        value = 3
    return value


def raises_in_finally():
    try:
        return 1
    finally:
        fail(Failed)


def swallows():
    try:
        fail()
    except ValueError:
        pass
    try: fail()
    except ValueError: pass
    try: fail()
    except ValueError: pass
    else: return 1
    finally: pass
    try:
        pass
    except Exception:
        pass
    else:
        pass
    finally:
        pass


def conditional_handler(kind):
    try:
        fail(kind)
    except ValueError if kind is ValueError else KeyError:
        return 1
    except choose(
        kind,
        Failed,
    ):
        return 2


def choose(kind, other):
    return (kind, other)


def handler_with_name():
    try:
        fail()
    except ValueError as error:
        kept = error
        del error
    return kept


def handler_in_loop(values):
    result = None
    for value in values:
        try:
            result = 10 / value
        except ZeroDivisionError:
            result = 0
        except TypeError:
            result = None
    return result


def handler_last(n):
    try:
        if n:
            fail()
    except ValueError:
        if n > 1:
            n = 0


def nested_handlers():
    try:
        fail()
    except ValueError:
        try:
            fail(KeyError)
        except KeyError:
            try:
                fail(Failed)
            except Failed as error:
                return error.__context__
            finally:
                pass


def try_in_with_in_try(n):
    try:
        with Context(n) as context:
            try:
                if n == 1:
                    fail()
                if n == 2:
                    return context
                if n == 3:
                    fail(Failed)
            except ValueError:
                raise KeyError from None
            finally:
                n += 10
    except KeyError:
        return "key"
    finally:
        n += 100
    return n


class Context:
    def __init__(self, n):
        self.n = n

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        return kind is Failed


def return_constant():
    try:
        return 1
    except ValueError:
        return 2
    finally:
        len("")


def return_in_both(n):
    try:
        if n:
            return call(n)
        return None
    finally:
        try:
            call(n)
        except ValueError:
            return_constant()
        else:
            call(n)


def call(n):
    return n


def loop_in_finally(n):
    try:
        call(n)
    finally:
        for i in range(n):
            if i == 1:
                continue
            call(i)
        while n:
            n -= 1
    return n


def finally_if(n):
    try:
        if n == 2:
            return n
        if n == 3:
            fail()
    finally:
        if n == 1:
            call(n)
        else:
            call(-n)


def stop_iteration():
    iterator = iter([1])
    try:
        while 1:
            next(iterator)
    except StopIteration:
        return "end"


def exits():
    try:
        raise SystemExit(3)
    except SystemExit as error:
        code = error.code
    try:
        raise KeyboardInterrupt
    except BaseException:
        code += 1
    return code


def attempt(function, *args):
    try:
        return function(*args)
    except Exception as error:
        return error


def main():
    for kind in (None, ValueError, KeyError, RuntimeError):
        handlers(kind)
    for kind in (KeyError, ValueError, OSError):
        unhandled(kind)
    only_finally(1)
    for n in range(4):
        returns_through(n)
    for n in range(4):
        finally_in_finally(n)
    breaks(0)
    attempt(raises_through, [])
    for n in (0, 1, 3):
        attempt(raises_in_handler, n)
    attempt(raises_in_else)
    attempt(raises_in_finally)
    swallows()
    for kind in (ValueError, KeyError, Failed):
        conditional_handler(kind)
    handler_with_name()
    handler_in_loop([1, 0])
    handler_last(0)
    handler_last(1)
    nested_handlers()
    for n in range(4):
        try_in_with_in_try(n)
    return_constant()
    return_in_both(0)
    return_in_both(1)
    loop_in_finally(3)
    finally_if(1)
    finally_if(2)
    attempt(finally_if, 3)
    stop_iteration()
    exits()
