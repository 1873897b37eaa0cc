"""Packs the agent's modules for the journey: source, and code where operator and target share a bytecode format."""

import importlib.machinery
import importlib.util
import marshal
from pathlib import Path
from types import CodeType

from attach_agent import wire

#: What every operation needs, and what is sent when it is asked for. The first of a part's modules is in no other part:
#: it tells whether the part was sent.
PARTS = {
    "core": ("loader", "wire", "errors", "endpoint", "agent"),
    "coverage": (
        "coverage",
        "coverage.branches",
        "coverage.control",
        "coverage.monitoring",
        "coverage.options",
        "coverage.program",
        "coverage.record",
        "coverage.record.datafile",
        "coverage.record.periods",
        "coverage.record.recording",
        "coverage.record.saving",
        "coverage.scope",
        "coverage.tracer",
        "coverage.tracer.claims",
        "coverage.tracer.collector",
        "coverage.tracer.greenlets",
        "coverage.tracer.library",
        "coverage.tracer.making",
        "coverage.tracer.plugins",
        "aftermath",
        "frames",
        "neighbours",
        "paths",
        "source",
        "stacks",
        "threadmoves",
        "threadstates",
        "toolids",
    ),
    "probes": (
        "coverage.probes",
        "coverage.probes.bytecode",
        "coverage.probes.checking",
        "coverage.probes.collector",
        "coverage.probes.finding",
        "coverage.probes.imports",
        "coverage.probes.memory",
        "coverage.probes.old_frames",
        "coverage.probes.places",
        "coverage.probes.reaching",
        "coverage.probes.registry",
        "coverage.probes.rewriting",
        "coverage.probes.selftest",
        "coverage.probes.tables",
    ),
    "looking": (
        "looking",
        "looking.frames",
        "looking.graph",
        "looking.names",
        "looking.picture",
        "looking.shown",
        "looking.tasks",
        "stacks",
    ),
    "debugger": (
        "debugger",
        "debugger.breakpoints",
        "debugger.breakpoints.armed",
        "debugger.breakpoints.chaining",
        "debugger.breakpoints.conditions",
        "debugger.breakpoints.entries",
        "debugger.breakpoints.exceptions",
        "debugger.breakpoints.files",
        "debugger.breakpoints.finding",
        "debugger.breakpoints.functions",
        "debugger.breakpoints.lines",
        "debugger.breakpoints.local",
        "debugger.breakpoints.logpoints",
        "debugger.breakpoints.monitoring",
        "debugger.breakpoints.postmortem",
        "debugger.breakpoints.tracing",
        "debugger.capture",
        "debugger.capture.running_test",
        "debugger.capture.thread_streams",
        "debugger.debugger",
        "debugger.dialogue",
        "debugger.joining",
        "debugger.points",
        "debugger.prompt",
        "debugger.prompt.awaiting",
        "debugger.prompt.console",
        "debugger.prompt.evaluation",
        "debugger.prompt.foreign",
        "debugger.prompt.inspection",
        "debugger.prompt.live_pdb",
        "debugger.prompt.nested",
        "debugger.prompt.tables",
        "debugger.prompt.tracing",
        "debugger.prompt.variables",
        "debugger.session",
        "debugger.stopping",
        "debugger.stopping.looking",
        "debugger.stopping.monitored",
        "debugger.stopping.onethread",
        "debugger.stopping.request",
        "debugger.stopping.traced",
        "debugger.stopping.waking",
        "debugger.watching",
        "debugger.watching.forking",
        "debugger.watching.heartbeats",
        "debugger.watching.watchdogs",
        "looking",
        "looking.frames",
        "looking.graph",
        "looking.shown",
        "looking.tasks",
        "shell.awaiting",
        "frames",
        "idents",
        "interrupts",
        "mailbox",
        "neighbours",
        "paths",
        "stacks",
        "stand_in",
        "streams",
        "threadmoves",
        "threadstates",
        "toolids",
    ),
    "shell": (
        "looking",
        "looking.frames",
        "looking.shown",
        "looking.tasks",
        "shell",
        "shell.awaiting",
        "shell.completing",
        "shell.displaying",
        "mailbox",
        "stacks",
    ),
    "run": ("run", "aftermath", "interrupts", "source", "stand_in", "streams", "tracebacks"),
}

_HOME = Path(wire.__file__).parent


def bootstrap(mark: str, start_time: int) -> str:
    """The source that opens the rendezvous in a target, to be injected."""
    source = (_HOME / "boot.py").read_text()
    return f"{source}\nboot({mark!r}, {wire.PROTOCOL}, {wire.__version__!r}, {start_time})\n"


def pack(part: str, magic: bytes) -> bytes:
    """One part of the agent as a marshalled dictionary: name -> (source, code or None, is it a package).

    Code goes along when the target's bytecode `magic` is ours: the target is then spared the compiling, 2-3 ms a
    module under its GIL.
    """
    same = magic == importlib.util.MAGIC_NUMBER
    modules = {}
    for name in PARTS[part]:
        path = _HOME.joinpath(*name.split("."))
        is_package = path.is_dir()
        path = path / "__init__.py" if is_package else path.with_suffix(".py")
        full_name = f"{wire.__package__}.{name}"
        code = _code(full_name, path) if same else None
        modules[full_name] = (path.read_text(), code, is_package)
    return marshal.dumps(modules, 2 if not same else marshal.version)


def _code(name: str, path: Path) -> CodeType:
    """The module's code from the interpreter's own cache, under the file name that the target will know it by."""
    code = importlib.machinery.SourceFileLoader(name, str(path)).get_code(name)
    assert code is not None
    return _renamed(code, f"<live-attach>/{path.relative_to(_HOME)}")


def _renamed(code: CodeType, filename: str) -> CodeType:
    constants = tuple(_renamed(c, filename) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=filename, co_consts=constants)
