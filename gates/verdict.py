"""What a gate says."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """`unavailable`: what the gate needs does not answer, so nothing is known. It is never taken for `passed`."""

    PASSED = "passed"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, in one line what it rests on (`note`), and where it failed, each finding a line."""

    outcome: Outcome
    note: str = ""
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """Something that is judged: `claim` is what holds where it passes."""

    name: str
    claim: str
    judge: Callable[[], Verdict]


def judged(findings: list[str], note: str = "") -> Verdict:
    """Failed where there are findings, else passed."""
    return Verdict(Outcome.FAILED if findings else Outcome.PASSED, note, tuple(findings))


def unavailable(note: str) -> Verdict:
    """What is needed to judge does not answer; `note` says what."""
    return Verdict(Outcome.UNAVAILABLE, note)
