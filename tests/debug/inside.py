"""Runs the programs of ``programs``, which set breakpoints in themselves as the agent would."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.agent.coverage.support import AGENT, tracer_of
from tests.support.interpreters import Interpreter

PROGRAMS = Path(__file__).parent / "programs"
TIMEOUT = 60


def run(interpreter: Interpreter, program: str, *args: str, path: Path | None = None, tracer: bool = False) -> Any:
    """What the program reports, once it has ended well.

    `path` is one more folder of modules; `tracer`: with coverage.py's tracer at hand.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (AGENT, path) if path else (AGENT,)))
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    if tracer:
        environment["TRACER"] = str(tracer_of(interpreter))
    done = subprocess.run(
        [interpreter.path, "-X", "faulthandler", "-W", "ignore::DeprecationWarning", PROGRAMS / program, *args],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT,
        env=environment,
    )
    assert done.returncode == 0 and not done.stderr, f"{program}: exit {done.returncode}\n{done.stderr}\n{done.stdout}"
    return json.loads(done.stdout)
