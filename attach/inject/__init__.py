"""Getting Python code into a running process. The only room that knows registers and addresses."""

from attach.inject.ladder import METHODS, Injection, inject

__all__ = ["METHODS", "Injection", "inject"]
