"""The requirements of a lock."""

import re
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_name

REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;\\]+)(.*?)$", re.MULTILINE)


class Locked(NamedTuple):
    """A package with its version and the SHA-256 of each of its files."""

    name: str
    version: str
    hashes: frozenset[str]


def locked(path: Path) -> list[Locked]:
    """Return the packages of a lock, in its order."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [
        Locked(canonicalize_name(match[1]), match[2], frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", match[3])))
        for match in REQUIREMENT.finditer(text)
    ]
