def crlf(n):
    if n:
        return 1
    return (
        2
    )


VALUE = crlf(0)
