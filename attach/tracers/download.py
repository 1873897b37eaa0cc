"""Fetches a tracer from a package index: by pip, which knows the machine's index, proxy and certificates."""

from __future__ import annotations

import errno
import re
import sys
import zipfile
from pathlib import Path

from attach.errors import TracerUnavailable
from attach.tracers.builds import PLATFORMS, Build
from attach.wheels import PipFailed, downloaded

_LARGEST_WHEEL = 16 << 20
LARGEST_TRACER = 4 << 20

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
    platforms = [f"--platform={name}_{wanted.machine}" for name in PLATFORMS[wanted.libc]]
    try:
        with downloaded(wanted.version, ["--implementation=cp", f"--abi={wanted.abi}", *platforms]) as wheel:
            content = _unpack(wanted, wheel)
    except PipFailed as failure:
        raise _explained(wanted, str(failure)) from None
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


def _explained(wanted: Build, said: str) -> TracerUnavailable:
    for words, reason, hint in _REASONS:
        if re.search(words, said.lower()):
            return TracerUnavailable(wanted.python, reason, hint)
    if said.startswith("pip has"):
        return TracerUnavailable(wanted.python, said)
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
