"""The answer of `attach doctor`: plain data, which the command shows as text or as JSON."""

from dataclasses import dataclass, field
from typing import Any

from attach.errors import AttachError
from attach.finding import Finding

SCHEMA = 1


@dataclass(frozen=True)
class Verdict:
    """Whether an attach would work; then `method` is "present", or one of `attach.inject.METHODS`.

    Otherwise `error` is the one that it would raise.
    """

    text: str
    method: str = ""
    error: AttachError | None = None

    @property
    def exit_code(self) -> int:
        """That of the attach (docs/reference/exit-codes.md)."""
        return self.error.exit_code if self.error else 0


@dataclass(frozen=True)
class Diagnosis:
    """A verdict, and all that was found on the way to it. `pid` is None for the machine."""

    pid: int | None
    verdict: Verdict
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for JSON."""
        return {
            "schema": SCHEMA,
            "pid": self.pid,
            "works": self.verdict.error is None,
            "verdict": self.verdict.text,
            "method": self.verdict.method or None,
            "exit_code": self.verdict.exit_code,
            "error": _error(self.verdict.error),
            "findings": [
                {
                    "about": finding.about,
                    "level": finding.level,
                    "text": finding.text,
                    "error": _error(finding.error),
                    "facts": finding.facts,
                }
                for finding in self.findings
            ],
        }


def _error(error: AttachError | None) -> dict[str, str] | None:
    return {"slug": error.slug, "message": error.message, "hint": error.hint} if error else None
