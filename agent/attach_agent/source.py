"""The mark of an operator's code."""


class OperatorSource:
    """The ``__loader__`` of an operator's code (PEP 302): tracebacks and ``inspect`` get its source here.

    It also tells such code from the program's own, which coverage measures.
    """

    def __init__(self, text):
        # type: (str) -> None
        self._text = text

    def get_source(self, name):
        # type: (str) -> str
        return self._text
