"""Modules of all kinds, and the ways to run them."""

import importlib
import importlib.abc
import importlib.util
import os
import runpy
import sys
import types

PARTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parts")


def odd_files():
    from parts import bom, comment, crlf, docstring, form_feed, latin

    return bom, comment, crlf, docstring, form_feed, latin


def twins():
    """Code objects that compare equal, in different files."""
    from parts import twin_one, twin_two

    twin_one.first(2)
    twin_two.second(1)()
    twin_two.first(0)


def circular():
    import parts.circular_a

    return parts.circular_a.value(), parts.circular_b.value()


def reloaded():
    from parts import reloaded

    importlib.reload(reloaded)
    return reloaded.after()


def failing():
    for _ in range(2):
        try:
            import parts.fails
        except ImportError:
            pass
        else:
            return parts.fails


def as_script():
    runpy.run_path(os.path.join(PARTS, "script.py"), run_name="__main__")
    runpy.run_path(os.path.join(PARTS, "script.py"))
    return runpy.run_module("parts.script", run_name="other")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A finder and loader in Python, so that imports go through our own code."""

    def find_spec(self, name, path, target=None):
        if name != "made_by_finder":
            return None
        return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.value = 1


def by_finder():
    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        import made_by_finder

        return made_by_finder.value
    finally:
        sys.meta_path.remove(finder)
        sys.modules.pop("made_by_finder", None)


def by_spec():
    spec = importlib.util.spec_from_file_location("twice", os.path.join(PARTS, "twin_one.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.first(1)


def from_nothing():
    module = types.ModuleType("nothing")
    exec("def function():\n    return 1\n", vars(module))
    return module.function()


def attribute_of_module():
    import parts

    parts.made_up
    try:
        parts.not_made_up
    except AttributeError:
        return None


def main():
    odd_files()
    twins()
    circular()
    reloaded()
    failing()
    as_script()
    by_finder()
    by_spec()
    from_nothing()
    attribute_of_module()
    __import__("parts.docstring", fromlist=["x"])
