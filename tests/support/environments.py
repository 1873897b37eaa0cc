"""Virtual environments with real servers per interpreter, made once and kept in the cache directory.

    python -m tests.support.environments

makes them all, so that no test has to wait for the package index.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.cache import cache_directory, locked
from tests.support.interpreters import MINORS, Interpreter, find_interpreter

REQUIREMENTS = Path(__file__).with_name("requirements-servers.txt")
#: Programs that bring an interpreter of their own, and the versions that the tests want them for.
EMBEDDERS = Path(__file__).with_name("requirements-embedders.txt")
EMBEDDED = ("3.8", "3.12", "3.14")
#: Packages whose own tests are measured, and the versions that the tests do it on.
SUITES = Path(__file__).parent.parent / "corpus" / "requirements-suites.txt"
MEASURED = ("3.8", "3.12", "3.15")
#: Programs that are packages, or run some, and the versions that the tests want them for: one per core.
PROGRAMS = Path(__file__).with_name("requirements-programs.txt")
PROGRAMMED = ("3.11", "3.14")
#: What runs tests, and the versions on which the tests stop in them.
TESTING = Path(__file__).with_name("requirements-pytest.txt")
TESTED = ("3.8", "3.12", "3.15")
#: What edits lines on the operator's side; it runs on any version that the operator may have.
PROMPT = Path(__file__).with_name("requirements-prompt.txt")
PROMPTED = ("3.12",)


class EnvironmentFailed(Exception):
    """An environment could not be made; the text is all that the failed program said."""


def server_environment(interpreter: Interpreter) -> Path:
    """The python of an environment that has Flask, gunicorn and uvicorn; made when it is missing."""
    return environment(interpreter, REQUIREMENTS)


def environment(interpreter: Interpreter, requirements: Path) -> Path:
    """The python of an environment that has what the file `requirements` names; made when it is missing."""
    made_of = requirements.read_bytes() + f"{interpreter.release} {interpreter.path}".encode()
    root = cache_directory() / "environments"
    folder = root / f"{interpreter.minor}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    # written last: an environment cannot be built elsewhere and moved, since its scripts hold its path
    complete = folder / "complete"
    with locked(root / f".{folder.name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run(str(interpreter.path), "-I", "-m", "venv", str(folder))
            pip = (str(python), "-I", "-m", "pip", "--disable-pip-version-check")
            _run(*pip, "install", "--quiet", "-r", str(requirements))
            complete.touch()
    return python


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise EnvironmentFailed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")


def main() -> int:
    """Make the environment of every interpreter found; 1 if one cannot be made."""
    for interpreter in filter(None, map(find_interpreter, MINORS)):
        try:
            server_environment(interpreter)
            if interpreter.minor in EMBEDDED:
                environment(interpreter, EMBEDDERS)
            if interpreter.minor in MEASURED:
                environment(interpreter, SUITES)
            if interpreter.minor in PROGRAMMED:
                environment(interpreter, PROGRAMS)
            if interpreter.minor in TESTED:
                environment(interpreter, TESTING)
            if interpreter.minor in PROMPTED:
                environment(interpreter, PROMPT)
        except EnvironmentFailed as error:
            print(f"CPython {interpreter}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
