"""Which builds of coverage.py's C tracer live-attach downloads, known to the byte.

A tracer becomes code in a process that may belong to root. So what is taken from a package index or from the cache is
compared with the digest that is written here: neither an index, nor a mirror, nor who can write to the cache decides
what runs.
"""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass

from attach.errors import TracerUnavailable
from attach.wheels import Version, release

#: Platform tags (PEP 600, PEP 656) that a process of this C library can load, most wanted first.
PLATFORMS = {
    "glibc": ("manylinux_2_17", "manylinux2014", "manylinux_2_28", "manylinux_2_5", "manylinux1"),
    "musl": ("musllinux_1_2", "musllinux_1_1"),
}

#: e_machine of elf(5).
MACHINES = {"x86_64": 62, "aarch64": 183}

#: SHA-256 of ``coverage/tracer.*.so`` in the wheel of `release`, by version of Python, C library and machine.
DIGESTS: dict[tuple[Version, str, str], str] = {
    ((3, 8), "glibc", "x86_64"): "e186dabaa25dfbff6e7090156854ca2a659ac52d4c7ee3173aea0b83c9bc3d78",
    ((3, 8), "glibc", "aarch64"): "7dca84fab9d15f124eda4ff511a3e9d49cc38ddea1109cc00fb4d4a26de3b75b",
    ((3, 8), "musl", "x86_64"): "7a7cf1007299694584fe1b917d9afcb340ca3137d269e084e7755c41a674ac0c",
    ((3, 8), "musl", "aarch64"): "d39077da1993eac928025a239fbd364db5aeffe976f03866551e85139cf07b2b",
    ((3, 9), "glibc", "x86_64"): "1985538e3e4d57cea35d714bd939088126c5975e2ef0283f486354a432eb79d8",
    ((3, 9), "glibc", "aarch64"): "3f3ada91ed6744c22ad7a717deefd381116deff70406bd3be16c8967171200e2",
    ((3, 9), "musl", "x86_64"): "1051c2037775301fe18ff66dff1ab01b7c338e23aa34ffdd4abf5b3e8871c97d",
    ((3, 9), "musl", "aarch64"): "834ebf88d7e8f10703128e8f647cf02aa364e483d36fb8e18a4d722f95021fe3",
    ((3, 10), "glibc", "x86_64"): "408db9d4363f37013f503833d2edd20225e5ed864d8fe4a6b59305a4c240eb61",
    ((3, 10), "glibc", "aarch64"): "7a05a7173ec0615883156659a53943aaaa13a718c779449e95c55c8453080ba5",
    ((3, 10), "musl", "x86_64"): "6272285cb94719ea89f17c565286fc4f535c2b21d856e17ed370d931284c47ac",
    ((3, 10), "musl", "aarch64"): "28b2ae4dedd69b1d771fa136e4a74675f76dbafd408a5d66bf111b1f6734e458",
    ((3, 11), "glibc", "x86_64"): "9a2556a616cb823e60c29392cb6090bdfede0b10ac434d1e904d61d6045edb2d",
    ((3, 11), "glibc", "aarch64"): "0829e799737baeb6468081e815bc0b6eaf4f20029b38b9fabde60094ab8ed8c2",
    ((3, 11), "musl", "x86_64"): "75ec243b8910ca6336ad3455510ee665c382b0593a0b6712c915ef172a859a02",
    ((3, 11), "musl", "aarch64"): "26030488ffd6d33942991fba98162b6ffe65fa9b4581bbdf6f5bc2402eba8515",
    ((3, 12), "glibc", "x86_64"): "d141161a8801bfb7617c54caa54eb6a113fcfd4554f5e06bf4f1fc7632ffa186",
    ((3, 12), "glibc", "aarch64"): "3c598c39be3b86f717c7b0908f518a9fe7ff03e8d1e858f8daa0e67f8bdca7f6",
    ((3, 12), "musl", "x86_64"): "325f452491b4521f2bccd1e42a2a7f98b47861d2cfa56eb65a45e096d4e37fe1",
    ((3, 12), "musl", "aarch64"): "6b3163fe95b5dd5d0cea5190fdf91e347debf1a7ce26b28af8121f9f5e479e3b",
    ((3, 13), "glibc", "x86_64"): "dc88519a568572791414c84164223c95ab14075842c256e77e81ba49c25bcde8",
    ((3, 13), "glibc", "aarch64"): "2a73c50ee14b049289f688d2889115a0a8c1af6804a6e774f52373bc965335f5",
    ((3, 13), "musl", "x86_64"): "174b98b34b7e512caf87a6da021c852edacef54af6df7b78dda52d5a78795d2a",
    ((3, 13), "musl", "aarch64"): "1f4ac4bc810193018c643d7204d68267815de12442e9f97027b7c37164d0ab14",
    ((3, 14), "glibc", "x86_64"): "8dc3064e79303f6500dfe5433e1d35f8c7dc58c36554f5dd56359fd779ee560d",
    ((3, 14), "glibc", "aarch64"): "ea5093eb2d550d46582a9c53faf4fa97a72a963330b676d71610885f998c6f89",
    ((3, 14), "musl", "x86_64"): "2b0fbb9832e0d9dc5a185e4431706ae87823e7fe1946ba19608818e918d8790a",
    ((3, 14), "musl", "aarch64"): "5866e047db14380937ae41633ec5861f708d86a53e4b6c74b6f8f17b30c6c2b9",
    ((3, 15), "glibc", "x86_64"): "d89591e20d8cb1805279873944d40de46c0e746599b528e35efc57e1942edd37",
    ((3, 15), "glibc", "aarch64"): "fe7ab80e73fdf43e2595fcce3d1f1d6df86e8372035bf7f4b219d8d6061a1db9",
    ((3, 15), "musl", "x86_64"): "67b1f2334df1dd9ff6954201f3f6daafeb275583990141e1278d307b008d6594",
    ((3, 15), "musl", "aarch64"): "c149321c981b6c2494b27b130db5ab247e0289a5d503fb4654bad48879a3af01",
}


@dataclass(frozen=True)
class Build:
    """A tracer for a version of Python, a C library and a machine."""

    version: Version
    libc: str
    machine: str

    @property
    def python(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def release(self) -> str:
        """The coverage.py that it comes from."""
        return release(self.version)

    @property
    def abi(self) -> str:
        return f"cp{self.version[0]}{self.version[1]}"

    @property
    def filename(self) -> str:
        """Its name in the cache."""
        return f"coverage-{self.release}-{self.abi}-{self.libc}-{self.machine}.so"

    def is_genuine(self, content: bytes) -> bool:
        """Is it the tracer, to the byte?"""
        return hashlib.sha256(content).hexdigest() == DIGESTS[self.version, self.libc, self.machine]

    def could_load(self, content: bytes) -> bool:
        """Is this a library for that machine? (elf(5): magic, 64 bits little-endian, e_machine)"""
        return content[:6] == b"\x7fELF\x02\x01" and content[18:20] == MACHINES[self.machine].to_bytes(2, "little")


def build(version: Version, libc: str = "glibc", machine: str = "") -> Build:
    """The build for these, by default for glibc and this machine. Raises TracerUnavailable if there is none."""
    wanted = Build(version, libc, machine or platform.machine())
    if (version, libc, wanted.machine) not in DIGESTS:
        raise TracerUnavailable(
            wanted.python,
            f"there is none for {wanted.machine} with {libc}",
            f"There are tracers for Python {_span()}, for {' and '.join(PLATFORMS)}, {' and '.join(MACHINES)}.",
        )
    return wanted


def versions() -> list[Version]:
    """The versions of Python that there are tracers for."""
    return sorted({version for version, _, _ in DIGESTS})


def _span() -> str:
    first, *_, last = versions()
    return f"{first[0]}.{first[1]} - {last[0]}.{last[1]}"
