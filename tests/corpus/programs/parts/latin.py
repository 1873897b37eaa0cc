# -*- coding: latin-1 -*-
"""Not UTF-8: é."""


def latin(n):
    text = "é"
    if n:
        return text
    return None


latin(1)
