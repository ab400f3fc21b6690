"""The base that a release is built on, as `.ci/base/Dockerfile` pins it."""

import re
from pathlib import Path
from typing import Final, NamedTuple

BASE: Final = ".ci/base/Dockerfile"
_LINE: Final = re.compile(
    r"FROM (?P<name>docker\.io/library/python:(?P<major>3)\.(?P<minor>\d+)(?:\.\d+)?-slim[\w.-]*)"
    r"@(?P<digest>sha256:[0-9a-f]{64})"
)


class PinnedBase(NamedTuple):
    """An image by its name, the digest that says which one it is, and the version of its Python."""

    name: str
    digest: str
    python: tuple[int, int]


def pinned_base(root: Path) -> PinnedBase:
    """What the only line of the file names. Raises ValueError where that is no such base."""
    path = root / BASE
    if not path.is_file():
        raise ValueError(f"{BASE}: is missing")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    match = _LINE.fullmatch(lines[0]) if len(lines) == 1 else None
    if match is None:
        raise ValueError(f"{BASE}: is not one line FROM docker.io/library/python:3.N-slim…@sha256:…")
    return PinnedBase(match["name"], match["digest"], (int(match["major"]), int(match["minor"])))
