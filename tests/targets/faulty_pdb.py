"""Debugger classes that fail: `faulty_pdb:fails_in_NAME` raises in the method NAME, each time that it is called."""

import pdb

#: all of these are called in one and the same way; some of the commands stand for the rest
ALIKE = ("__", "complete_", "do_", "help_")
COMMANDS = ["do_continue", "do_p", "do_quit", "do_step", "do_where"]


def methods():
    """The names of the methods that a debugger has."""
    return COMMANDS + sorted(n for n in dir(pdb.Pdb) if callable(getattr(pdb.Pdb, n)) and not n.startswith(ALIKE))


def __getattr__(name):
    method = name.replace("fails_in_", "", 1)
    if method == name or not hasattr(pdb.Pdb, method):
        raise AttributeError(name)

    def fail(self, *_, **__):
        raise ValueError("it fails in " + method)

    return type(name, (pdb.Pdb,), {method: fail})
