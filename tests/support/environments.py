"""A virtual environment with real servers per interpreter, made once and kept in the cache directory.

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


class EnvironmentFailed(Exception):
    """An environment could not be made; the text is all that the failed program said."""


def server_environment(interpreter: Interpreter) -> Path:
    """The python of an environment in which Flask, gunicorn and uvicorn are installed; made when it is missing."""
    requirements = REQUIREMENTS.read_bytes()
    made_of = requirements + f"{interpreter.release} {interpreter.path}".encode()
    root = cache_directory() / "environments"
    folder = root / f"{interpreter.minor}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    complete = folder / "complete"  # written last; an environment cannot be moved, its scripts hold its path
    with locked(root / f".{folder.name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run(str(interpreter.path), "-I", "-m", "venv", str(folder))
            pip = (str(python), "-I", "-m", "pip", "--disable-pip-version-check")
            _run(*pip, "install", "--quiet", "-r", str(REQUIREMENTS))
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
        except EnvironmentFailed as error:
            print(f"CPython {interpreter}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
