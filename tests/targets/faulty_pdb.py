"""Debugger classes that fail: `faulty_pdb:fails_in_NAME` raises in the method NAME, each time that it is called."""

import pdb

#: what making an object needs, or what an object of another class does not have
NOT_OURS = ("__init__", "__new__", "__getattribute__", "__init_subclass__", "__class__", "__subclasshook__")


def methods():
    """The names of all methods that a debugger has."""
    return sorted(name for name in dir(pdb.Pdb) if callable(getattr(pdb.Pdb, name)) and name not in NOT_OURS)


def __getattr__(name):
    method = name.replace("fails_in_", "", 1)
    if method == name or not hasattr(pdb.Pdb, method):
        raise AttributeError(name)

    def fail(self, *_, **__):
        raise ValueError("it fails in " + method)

    return type(name, (pdb.Pdb,), {method: fail})
