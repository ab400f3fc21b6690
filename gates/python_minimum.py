"""The gate that all who name a Python version agree with `requires-python`."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from gates.pinned_base import BASE, pinned_base
from gates.tree import ROOT
from gates.verdict import Gate, Verdict, judged

Version = tuple[int, int]

_MENTION: Final = re.compile(r"\b[Pp]ython[ -]?(3)\.(\d+)")
_AT_LEAST: Final = re.compile(r"\bPython (3)\.(\d+)(?:\s+or\s+(?:newer|later)|\+)|\bPython >= ?(3)\.(\d+)")
_IMAGE: Final = re.compile(r"^ARG PYTHON_IMAGE=\S*\bpython:(3)\.(\d+)(?:\.\d+)?-slim", re.MULTILINE)
_LITERAL: Final = re.compile(r"\b3(?:\.|, ?)\d+\b")
PROMISES: Final = ("README.md", "CONTRIBUTING.md")


def minimum(root: Path) -> Version:
    """The oldest Python that `requires-python` in pyproject.toml allows. Raises ValueError where it names none."""
    text = _pyproject(root)["project"]["requires-python"]
    match = re.fullmatch(r">=\s*(3)\.(\d+)", text)
    if match is None:
        raise ValueError(f"pyproject.toml: requires-python is {text}, and not >=3.N")
    return _version(match)


def findings(root: Path) -> list[str]:
    """Who does not agree."""
    try:
        least = minimum(root)
    except ValueError as error:
        return [str(error)]
    pages = [*(root / name for name in PROMISES), *sorted((root / "docs").rglob("*.md"))]
    return [
        *(f"{page.relative_to(root)}: {said}" for page in pages for said in of_page(page, least)),
        *of_makefile((root / "Makefile").read_text(encoding="utf-8")),
        *of_tools(_pyproject(root)["tool"], least),
        *of_dockerfile(root / "Dockerfile", least),
        *of_base(root),
        *of_workflows(root / ".github" / "workflows", least),
    ]


def of_page(page: Path, least: Version) -> Iterator[str]:
    """What a page says besides: another minimum, or an older Python. README and CONTRIBUTING have to name it."""
    text = page.read_text(encoding="utf-8")
    promises = {_version(match) for match in _AT_LEAST.finditer(text)}
    if page.name in PROMISES and not promises:
        yield f"does not say Python {_shown(least)} or newer"
    yield from (f"says Python {_shown(other)} or newer" for other in sorted(promises - {least}))
    older = {_version(match) for match in _MENTION.finditer(text)} - promises
    yield from (f"names Python {_shown(other)}" for other in sorted(older) if other < least)


def of_makefile(text: str) -> Iterator[str]:
    """The Makefile reads the minimum from pyproject.toml, so it names none."""
    if "requires-python" not in text:
        yield "Makefile: does not read requires-python"
    for number, line in enumerate(text.splitlines(), 1):
        yield from (f"Makefile:{number}: names {literal}" for literal in _LITERAL.findall(line))


def of_tools(tools: dict[str, Any], least: Version) -> Iterator[str]:
    """Ruff infers it; mypy has to be told, as it would take the Python that it runs on."""
    if "target-version" in tools["ruff"]:
        yield "pyproject.toml: ruff has a target-version, which it infers from requires-python"
    told = tools["mypy"].get("python_version")
    if told != _shown(least):
        yield f"pyproject.toml: mypy's python_version is {told}"


def of_dockerfile(path: Path, least: Version) -> Iterator[str]:
    """The image has the minimum or a newer one."""
    if not path.is_file():
        yield "Dockerfile: is missing"
        return
    match = _IMAGE.search(path.read_text(encoding="utf-8"))
    if match is None:
        yield "Dockerfile: has no line ARG PYTHON_IMAGE=…python:3.N-slim…"
    elif _version(match) < least:
        yield f"Dockerfile: its Python is {_shown(_version(match))}"


def of_base(root: Path) -> Iterator[str]:
    """The pinned base has the Python of the Dockerfile's own."""
    try:
        base = pinned_base(root)
    except ValueError as error:
        yield str(error)
        return
    dockerfile = root / "Dockerfile"
    named = _IMAGE.search(dockerfile.read_text(encoding="utf-8")) if dockerfile.is_file() else None
    if named is not None and _version(named) != base.python:
        yield f"{BASE}: its Python is {_shown(base.python)}, and the Dockerfile's {_shown(_version(named))}"


def of_workflows(directory: Path, least: Version) -> Iterator[str]:
    """The oldest Python of all workflows is the minimum; one that is no text has lost its last zero (3.10 is 3.1)."""
    files = sorted(directory.glob("*.y*ml"))
    versions: set[Version] = set()
    for path in files:
        for value in _pythons(yaml.safe_load(path.read_text(encoding="utf-8"))):
            if not isinstance(value, str):
                yield f".github/workflows/{path.name}: python-version {value} is a number: put it in quotes"
            elif match := re.match(r"(3)\.(\d+)", value):
                versions.add(_version(match))
    if not files:
        yield ".github/workflows: has no workflow"
    elif not versions:
        yield ".github/workflows: no workflow names a python-version"
    elif min(versions) != least:
        yield f".github/workflows: the oldest Python is {_shown(min(versions))}"


def _pythons(node: object) -> Iterator[object]:
    """The values under `python` and `python-version`, wherever they stand."""
    if isinstance(node, list):
        for item in node:
            yield from _pythons(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in ("python", "python-version"):
                yield from value if isinstance(value, list) else [value]
            else:
                yield from _pythons(value)


def _pyproject(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def _version(match: re.Match[str]) -> Version:
    major, minor = (group for group in match.groups() if group is not None)
    return int(major), int(minor)


def _shown(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def judge() -> Verdict:
    """Judges this tree."""
    return judged(findings(ROOT))


GATE: Final = Gate("python_minimum", "all who name a Python version agree with requires-python", judge)
