"""A lock as `uv pip compile` and pip write it, read."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True, slots=True)
class Locked:
    """A requirement of a lock: `hashes` are the hexadecimal digits of each SHA-256."""

    name: str
    version: str
    hashes: frozenset[str]


class NotLocked(ValueError):
    """A line of a lock does not name one version of one package; the message shows it."""


def locked(text: str) -> list[Locked]:
    """The requirements of a lock, in its order. Raises NotLocked."""
    return [_locked(line) for line in logical_lines(text) if not line.startswith("-")]


def locked_file(path: Path) -> list[Locked]:
    """The requirements of a lock. Raises NotLocked."""
    return locked(path.read_text(encoding="utf-8"))


def logical_lines(text: str) -> list[str]:
    """The lines without comments, those that end in a backslash joined with the next."""
    joined = re.sub(r"\\\n", " ", text)
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _locked(line: str) -> Locked:
    bare, *options = re.split(r"\s+--", line)
    try:
        requirement = Requirement(bare.strip())
    except InvalidRequirement:
        raise NotLocked(f"{bare.strip()} is no requirement") from None
    pins = [pin.version for pin in requirement.specifier if pin.operator == "==" and "*" not in pin.version]
    if len(pins) != 1 or requirement.url:
        raise NotLocked(f"{bare.strip()} does not name one version")
    hashes = frozenset(option.removeprefix("hash=sha256:") for option in options if option.startswith("hash=sha256:"))
    return Locked(canonicalize_name(requirement.name), pins[0], hashes)
