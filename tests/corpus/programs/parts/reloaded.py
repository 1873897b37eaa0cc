try:
    TIMES += 1
except NameError:
    TIMES = 1

if TIMES > 1:
    AGAIN = True


def after():
    return AGAIN
