"""Begins with a mark of its byte order."""

def bom(n):
    return n


bom(1)