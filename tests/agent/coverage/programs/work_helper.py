"""Imported by work."""


def helped(kind):
    if kind == 1:
        return None
    message = "%s %s" % (
        kind,
        "kind",
    )
    return message
