"""The same interpreter in other shapes: copied, embedded in a C program, in a frozen program, in uWSGI."""

import functools
import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cache import cache_directory, locked
from tests.support.environments import EMBEDDERS, environment
from tests.support.fetch_interpreters import patchelf
from tests.support.interpreters import Interpreter

FACTS = r"""
import re, sys
print(sys.base_prefix)
print(next(iter(set(re.findall(r"(/\S*/libpython\S*)$", open("/proc/self/maps").read(), re.M))), ""))
"""

#: Starts Python in a thread of its own, out of a library that it loads; the main thread waits, or computes for ever.
EMBEDDING = r"""
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static char **args;

static void *python(void *unused)
{
    void *library = dlopen(args[1], RTLD_NOW | RTLD_GLOBAL);
    void (*initialize)(int) = (void (*)(int))dlsym(library, "Py_InitializeEx");
    int (*run)(const char *) = (int (*)(const char *))dlsym(library, "PyRun_SimpleString");
    initialize(0);
    exit(run(args[2]) ? 1 : 0);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    volatile unsigned long work = 0;
    args = argv;
    pthread_create(&thread, NULL, python, NULL);
    if (argv[3][0] == 'w')
        pthread_join(thread, NULL);
    for (;;)
        work++;
}
"""


@dataclass(frozen=True)
class Copied:
    """A copy of an interpreter: what to start, in which environment, and the files it was started from."""

    path: Path
    env: dict[str, str]
    files: list[Path]


@functools.cache
def facts(interpreter: Interpreter) -> tuple[str, str]:
    """Its prefix, and the path of its libpython, empty if it is a static one."""
    lines = subprocess.run(
        [interpreter.path, "-I", "-S", "-c", FACTS], check=True, capture_output=True, text=True
    ).stdout.split("\n")
    return lines[0], lines[1]


def copied(interpreter: Interpreter, folder: Path) -> Copied:
    """A copy of the executable, and of its libpython if it has one, in `folder`; the standard library stays."""
    prefix, library = facts(interpreter)
    files = [Path(shutil.copy(interpreter.path, folder / interpreter.path.name))]
    env = {"PYTHONHOME": prefix}
    if library:
        files.append(Path(shutil.copy(library, folder)))
        subprocess.run([patchelf(), "--remove-rpath", files[0]], check=True)
        env["LD_LIBRARY_PATH"] = str(folder)
    return Copied(files[0], env, files)


def without_sections(executable: Path) -> None:
    """Take its section headers away, and so all symbols but those that the dynamic linker needs: more than strip(1)."""
    content = bytearray(executable.read_bytes())
    content[40:48] = bytes(8)  # e_shoff (elf(5))
    content[58:64] = bytes(6)  # e_shentsize, e_shnum, e_shstrndx
    executable.write_bytes(content)


def shared_library(interpreter: Interpreter) -> Path:
    """Its libpython, which other programs can load; the test is skipped where it has none."""
    library = facts(interpreter)[1]
    if not library:
        pytest.skip(f"CPython {interpreter.minor} is a static one here")
    return Path(library)


def compiled(source: str, output: Path, *options: str) -> Path:
    """The program or library that cc makes of `source`; the test is skipped where there is no cc."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    command: list[str | Path] = [compiler, "-x", "c", "-", "-o", output, *options]
    subprocess.run(command, check=True, input=source, text=True)
    return output


def frozen(interpreter: Interpreter, script: Path) -> Path:
    """One executable file that holds `script` and the interpreter, by PyInstaller; kept in the cache directory."""
    python = environment(interpreter, EMBEDDERS)
    key = hashlib.sha256(f"{python}".encode() + script.read_bytes()).hexdigest()[:12]
    folder = cache_directory() / "frozen"
    program = folder / f"{script.stem}-{interpreter.minor}-{key}"
    with locked(folder / f".{program.name}.lock"):
        if not program.exists():
            work = folder / f"{program.name}.work"
            command: list[str | Path] = [python, "-I", "-m", "PyInstaller", "--onefile", "--log-level=ERROR"]
            command += ["--name", program.name, "--distpath", work, "--workpath", work / "build"]
            command += ["--specpath", work, script]
            done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if re.search("library", done.stderr) and done.returncode:
                pytest.skip(f"PyInstaller needs a shared libpython: {done.stderr[-300:]}")
            assert done.returncode == 0, done.stderr
            (work / program.name).replace(program)
            shutil.rmtree(work)
    return program
