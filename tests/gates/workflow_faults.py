"""Faults that are planted in a copy of the workflows."""

from pathlib import Path

import pytest

from gates import workflows
from gates.verdict import Outcome
from tests.gates import planting

CHECKS = ".github/workflows/checks.yml"
RELEASE = ".github/workflows/release.yml"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the gate reads."""
    return planting.copied(tmp_path, ".github", "Makefile")


def plant(tree: Path, name: str, old: str, new: str) -> tuple[str, ...]:
    """What the gate finds once `old` has become `new`."""
    planting.plant(tree / name, old, new)
    verdict = workflows.judge(tree)
    assert verdict.outcome is Outcome.FAILED
    return verdict.findings
