"""The version and the oldest Python are each declared in one place, and the rest agrees."""

import json
import re
import tomllib
from typing import Any

import yaml

from deploy.image.base import declared_base, pinned_base
from latchkey import __version__
from tests.support.commands import ROOT

PACKAGE_FILES = ("package.json", "package-lock.json")
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MINIMUM = PYPROJECT["project"]["requires-python"].removeprefix(">=")
PAGES = {path: path.read_text(encoding="utf-8") for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))}


def minor(version: str) -> int:
    """Return N of 3.N."""
    match = re.search(r"3\.(\d+)", version)
    assert match, version
    return int(match[1])


def test_version_is_declared_once() -> None:
    assert re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-[0-9A-Za-z.-]+)?", __version__)
    assert "version" not in PYPROJECT["project"]
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "latchkey.__version__"}


def test_package_for_node_has_the_version() -> None:
    """npm reads it from the package alone."""
    package, lock = (json.loads((ROOT / "clients/node" / name).read_text()) for name in PACKAGE_FILES)
    assert package["version"] == lock["version"] == lock["packages"][""]["version"] == __version__


def test_changelog_starts_with_the_version() -> None:
    topmost = re.search(r"^## \[(.+)\] - ", PAGES[ROOT / "CHANGELOG.md"], re.MULTILINE)
    assert topmost
    assert topmost[1] == __version__


def test_tools_use_the_oldest_python() -> None:
    assert PYPROJECT["tool"]["mypy"]["python_version"] == MINIMUM
    assert "target-version" not in PYPROJECT["tool"]["ruff"], "ruff reads requires-python"
    assert not re.search(r"\b3\.\d", (ROOT / "Makefile").read_text(encoding="utf-8")), "make reads requires-python"


def test_docs_promise_the_oldest_python() -> None:
    promised = {
        path: re.findall(r"Python (3\.\d+)(?:\s+or\s+(?:newer|later)|\+)", text) for path, text in PAGES.items()
    }
    assert {version for versions in promised.values() for version in versions} == {MINIMUM}
    assert promised[ROOT / "README.md"]
    assert promised[ROOT / "CONTRIBUTING.md"]
    older = [
        path
        for path, text in PAGES.items()
        if any(minor(it) < minor(MINIMUM) for it in re.findall(r"ython[ -]?3\.\d+", text))
    ]
    assert older == []


def test_image_has_one_python() -> None:
    assert minor(declared_base()) == minor(pinned_base())
    assert minor(declared_base()) >= minor(MINIMUM)


def test_workflows_start_at_the_oldest_python() -> None:
    versions: set[str] = set()
    for path in (ROOT / ".github" / "workflows").iterdir():
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            versions.update(job.get("strategy", {}).get("matrix", {}).get("python", []))
            versions.update(
                step["with"]["python-version"]
                for step in job.get("steps", [])
                if "setup-python" in str(step.get("uses"))
            )
    numbers = {minor(version) for version in versions if "matrix" not in version}
    assert min(numbers) == minor(MINIMUM)
    assert max(numbers) == minor(pinned_base())
