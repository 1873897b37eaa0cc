"""Fetches a tracer from a package index: by pip, which knows the machine's index, proxy and certificates."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from attach.channel.tracer_builds import PLATFORMS, Build
from attach.errors import TracerUnavailable

_LARGEST_WHEEL = 16 << 20
LARGEST_TRACER = 4 << 20
_PIP_SECONDS = 120

#: What pip says, in lower case -> (what it means, what to do), the first that fits.
_REASONS = (
    (
        "no module named pip",
        f"{sys.executable} has no pip",
        f"Give it one:  {sys.executable} -m ensurepip\n"
        "or copy ~/.cache/live-attach/tracers from a machine where  attach fetch-tracers  has worked",
    ),
    (
        "no space left on device",
        "there is no space left",
        "Make some, or name other folders with  TMPDIR=... XDG_CACHE_HOME=...  before  attach",
    ),
    (
        "newconnectionerror|connection broken|connection error|max retries|read timed out|name resolution|proxyerror",
        "the package index cannot be reached",
        "Name one that can, with  PIP_INDEX_URL=...  or  HTTPS_PROXY=...  before  attach\n"
        "or copy ~/.cache/live-attach/tracers from a machine where  attach fetch-tracers  has worked",
    ),
    (
        "no matching distribution",
        "the package index does not have it",
        "Name one that has it, with  PIP_INDEX_URL=...  before  attach\n"
        "or copy ~/.cache/live-attach/tracers from a machine where  attach fetch-tracers  has worked",
    ),
)


def download(wanted: Build) -> bytes:
    """The tracer out of its wheel. Raises TracerUnavailable with pip's reason, or if it is not the one we know."""
    try:
        with tempfile.TemporaryDirectory(prefix="live-attach-") as folder:
            content = _unpack(wanted, _wheel(wanted, folder))
    except OSError as error:
        raise unavailable(wanted, error) from None
    if not wanted.is_genuine(content):
        raise TracerUnavailable(
            wanted.python,
            f"the package index has another coverage {wanted.release} than the one that was released",
            "Take it from another index, with  PIP_INDEX_URL=...  before  attach",
        )
    return content


def unavailable(wanted: Build, error: OSError) -> TracerUnavailable:
    """The error of files that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        _, reason, hint = _REASONS[1]
        return TracerUnavailable(wanted.python, reason, hint)
    hint = "Name other folders with  TMPDIR=... XDG_CACHE_HOME=...  before  attach"
    return TracerUnavailable(wanted.python, f"it cannot be kept: {error}", hint)


def _wheel(wanted: Build, folder: str) -> Path:
    """The wheel that pip chooses for the target's Python."""
    platforms = [f"--platform={name}_{wanted.machine}" for name in PLATFORMS[wanted.libc]]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", f"--python-version={wanted.python}"]
    command += ["--implementation=cp", f"--abi={wanted.abi}", *platforms]
    command += [f"--dest={folder}", f"coverage=={wanted.release}"]
    # an index that does not answer is tried twice, unless the user wants it otherwise; pip itself does so six times
    environment = {"PIP_RETRIES": "1", **os.environ}
    try:
        # in that folder, since `-m` looks for modules where it stands
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TracerUnavailable(wanted.python, f"pip has not ended after {_PIP_SECONDS} s") from None
    wheels = list(Path(folder).glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise _explained(wanted, done.stderr.decode(errors="replace"))
    return wheels[0]


def _explained(wanted: Build, said: str) -> TracerUnavailable:
    for words, reason, hint in _REASONS:
        if re.search(words, said.lower()):
            return TracerUnavailable(wanted.python, reason, hint)
    lines = said.strip().splitlines() or ["no word of pip"]
    options = f"--no-deps --only-binary :all: --python-version {wanted.python} coverage=={wanted.release}"
    hint = f"See all that it says:  {sys.executable} -m pip download {options}"
    return TracerUnavailable(wanted.python, f"pip says: {lines[-1].strip()}", hint)


def _unpack(wanted: Build, wheel: Path) -> bytes:
    """The one tracer in a wheel."""
    name = re.compile(rf"coverage/tracer\.cpython-{wanted.version[0]}{wanted.version[1]}-[\w-]+\.so")
    try:
        if wheel.stat().st_size > _LARGEST_WHEEL:
            raise TracerUnavailable(wanted.python, f"{wheel.name} is too large to be true")
        with zipfile.ZipFile(wheel) as archive:
            members = [member for member in archive.infolist() if name.fullmatch(member.filename)]
            if len(members) != 1 or members[0].file_size > LARGEST_TRACER:
                raise TracerUnavailable(wanted.python, f"there is no tracer in {wheel.name}")
            with archive.open(members[0]) as file:
                return file.read(LARGEST_TRACER)
    except zipfile.BadZipFile as error:
        raise TracerUnavailable(wanted.python, f"{wheel.name}: {error}") from None
