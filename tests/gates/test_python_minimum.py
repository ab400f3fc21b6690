from pathlib import Path

import pytest

from gates import python_minimum
from gates.pinned_base import BASE
from gates.verdict import Outcome
from tests.gates.planting import copied, plant

WORKFLOW = ".github/workflows/checks.yml"
GUIDE = "docs/how-to/use-the-cli.md"
READ = (
    "pyproject.toml",
    "Makefile",
    "README.md",
    "CONTRIBUTING.md",
    "docs",
    "Dockerfile",
    ".ci/base",
    ".github/workflows",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copied(tmp_path, *READ)


def test_this_tree() -> None:
    verdict = python_minimum.judge()
    assert verdict.outcome is Outcome.PASSED, verdict


def test_another_minimum_is_told_to_all(tree: Path) -> None:
    plant(tree / "pyproject.toml", 'requires-python = ">=3.11"', 'requires-python = ">=3.12"')
    told = "\n".join(python_minimum.findings(tree))
    for name in ("README.md", "CONTRIBUTING.md", GUIDE, "pyproject.toml: mypy", ".github/workflows"):
        assert name in told


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("README.md", "Python 3.11 or newer", "Python 3.10 or newer", "README.md: says Python 3.10 or newer"),
        ("README.md", "Python 3.11 or newer", "Python", "README.md: does not say Python 3.11 or newer"),
        ("README.md", "Python 3.11 or newer", "Python 3.11 or newer, python3.9", "README.md: names Python 3.9"),
        ("CONTRIBUTING.md", "Python 3.11 or newer", "Python 3.12 or\nnewer", "CONTRIBUTING.md: says Python 3.12"),
        (GUIDE, "Python 3.11 or newer", "Python 3.12+", f"{GUIDE}: says Python 3.12 or newer"),
        ("Makefile", "-m gates.lock", "-m gates.lock --python-version 3.11", "names 3.11"),
        ("Makefile", 'tuple(map(int, "$(MINIMUM)".split(".")))', "(3, 11)", "names 3, 11"),
        ("Makefile", "requires-python", "needs-python", "Makefile: does not read requires-python"),
        ("pyproject.toml", "line-length", 'target-version = "py311"\nline-length', "ruff has a target-version"),
        ("pyproject.toml", 'python_version = "3.11"', 'python_version = "3.12"', "mypy's python_version is 3.12"),
        ("pyproject.toml", 'python_version = "3.11"\n', "", "mypy's python_version is None"),
        ("pyproject.toml", ">=3.11", ">=3.11,<4", "requires-python is >=3.11,<4, and not"),
        ("Dockerfile", "python:3.13-slim", "python:3.10-slim", "Dockerfile: its Python is 3.10"),
        (BASE, "python:3.13", "python:3.12", f"{BASE}: its Python is 3.12, and the Dockerfile's 3.13"),
        (BASE, "@sha256:", ":", f"{BASE}: is not one line FROM docker.io/library/python"),
        (BASE, "FROM ", "FROM scratch AS one\nFROM ", f"{BASE}: is not one line FROM docker.io/library/python"),
        (BASE, "docker.io/library/python", "docker.io/other/python", f"{BASE}: is not one line FROM"),
        ("Dockerfile", "python:3.13-slim", "python:slim", "Dockerfile: has no line ARG PYTHON_IMAGE"),
        (WORKFLOW, '["3.11", "3.13"]', '["3.10", "3.13"]', "the oldest Python is 3.10"),
        (WORKFLOW, '["3.11", "3.13"]', "[3.10]", "python-version 3.1 is a number"),
    ],
)
def test_planted(tree: Path, name: str, old: str, new: str, told: str) -> None:
    plant(tree / name, old, new)
    assert told in "\n".join(python_minimum.findings(tree))


def test_workflows_that_all_use_a_newer_one(tree: Path) -> None:
    for path in (tree / ".github" / "workflows").iterdir():
        path.write_text(path.read_text().replace('"3.11"', '"3.12"'))
    assert python_minimum.findings(tree) == [".github/workflows: the oldest Python is 3.12"]


def test_what_is_missing(tree: Path) -> None:
    (tree / "Dockerfile").unlink()
    (tree / BASE).unlink()
    for path in (tree / ".github" / "workflows").iterdir():
        path.unlink()
    assert python_minimum.findings(tree) == [
        "Dockerfile: is missing",
        f"{BASE}: is missing",
        ".github/workflows: has no workflow",
    ]
