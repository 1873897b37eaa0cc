"""Imports the agent from memory, without a trace in the target's import system.

Modules of the agent get a ``__builtins__`` of their own (the language reference, "Naming and binding": a frame looks
its builtins up there), whose ``__import__`` resolves ``attach_agent`` in a private dictionary. So nothing of the agent
is in ``sys.modules``, nothing is on ``sys.meta_path``, and no import hook of the target is asked for it. The C modules
of the standard library are fetched as in ``boot``; everything else is the target's ordinary import.
"""

PACKAGE = "attach_agent"
C_MODULES = frozenset(
    [
        "_contextvars",
        "_ctypes",
        "_imp",
        "_io",
        "_operator",
        "_signal",
        "_socket",
        "_sqlite3",
        "_struct",
        "_thread",
        "_weakref",
        "errno",
        "fcntl",
        "gc",
    ]
    + ["itertools", "marshal", "posix", "resource", "time", "zlib"]
)


class Importer:
    """Knows the agent's modules: `sources` maps a name to ``(source, code or None, is it a package)``."""

    def __init__(self, get, native):
        import sys

        self.get = get
        self.native = native
        self.sources = {}
        self.modules = {}
        builtins = sys.modules["builtins"]
        self.plain_builtins = builtins
        self.plain_import = builtins.__import__
        self.builtins = dict(builtins.__dict__, __import__=self.import_)
        self.module_type = type(sys)
        self.breath = native(get("_thread"), "allocate_lock", "allocate")()
        self.breath.acquire()

    def add(self, sources):
        self.sources.update(sources)

    def import_(self, name, globals=None, locals=None, fromlist=(), level=0):
        """What the ``import`` statement calls inside the agent."""
        if level:
            package = globals["__package__"].split(".")
            package = package[: len(package) - level + 1]
            return self.from_package(".".join(package + ([name] if name else [])), fromlist)
        if name == PACKAGE or name.startswith(PACKAGE + "."):
            return self.from_package(name, fromlist)
        if name == "__future__":
            future = self.module_type(name)
            future.annotations = None
            return future
        if name in C_MODULES:
            return self.get(name)
        return self.plain_import(name, globals, locals, fromlist, 0)

    def from_package(self, name, fromlist):
        module = self.module(name)
        for attribute in fromlist or ():
            if not hasattr(module, attribute) and "%s.%s" % (name, attribute) in self.sources:
                setattr(module, attribute, self.module("%s.%s" % (name, attribute)))
        return module

    def module(self, name):
        """The module of this name, executed at its first use."""
        module = self.modules.get(name)
        if module is None:
            source, code, is_package = self.sources[name]
            path = "<live-attach>/%s" % name[len(PACKAGE) + 1 :].replace(".", "/")
            path += "/__init__.py" if is_package else ".py"
            module = self.module_type(name)
            module.__dict__.update(
                __builtins__=self.builtins,
                __package__=name if is_package else name.rpartition(".")[0],
                __file__=path,
                __loader__=self,
            )
            self.modules[name] = module
            # Compiling holds the GIL for some 2 ms a module. A thread that waits for it would have to wait for all of
            # them, or for the 5 ms of the switch interval: after each it gets its turn.
            self.breath.acquire(True, 0.0001)
            try:
                exec(code or compile(source, path, "exec", 0, True), module.__dict__)
            except BaseException:
                del self.modules[name]
                raise
        return module

    def alone(self, name):
        """A namespace of this module's own, for what may outlive the agent: it imports nothing and keeps nothing."""
        source, code, _ = self.sources[name]
        path = "<live-attach>/%s.py" % name[len(PACKAGE) + 1 :]
        namespace = {"__name__": name, "__builtins__": self.plain_builtins}
        exec(code or compile(source, path, "exec", 0, True), namespace)
        return namespace

    def get_source(self, name):
        """PEP 302: lets tracebacks show the agent's lines."""
        return self.sources[name][0]


def load(parts, get, native, state):
    """Make the agent out of its parts; returns the object that `boot` hands connections to."""
    importer = Importer(get, native)
    importer.add(parts)
    return importer.module(PACKAGE + ".agent").Agent(importer, state)
