"""Nothing runs in a step but what is meant to, nor is it run in another way."""

from pathlib import Path

import pytest

from tests.gates.workflow_faults import CHECKS, RELEASE, plant, tree

__all__ = ["tree"]


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("make lint PYTHON_IMAGE=evil", "make lint PYTHON_IMAGE=evil: PYTHON_IMAGE=evil is no value of"),
        ("make lint BIN=/tmp", "BIN=/tmp is no value of"),
        ("make lint --eval=x", "--eval=x is no value of"),
        ("make lint test", "test is no value of"),
        ("make lint ARGS='; id'", "ARGS=; id is no value of"),
        ("make -f other lint", "the Makefile has no such target"),
        ("make lint > log", "> log: a script writes and reads no files"),
        ("make lint >> $GITHUB_ENV", ">> $GITHUB_ENV: a script writes and reads no files"),
        ("make lint < log", "< log: a script writes and reads no files"),
        ('make lint ARGS="a', "a step runs make targets alone"),
    ],
)
def test_words_of_a_command(tree: Path, script: str, fault: str) -> None:
    found = plant(tree, CHECKS, "- run: make lint", f"- run: |\n          {script}")
    assert any(fault in line for line in found), found


@pytest.mark.parametrize("written", ["$GITHUB_ENV", "$GITHUB_PATH", "Makefile"])
def test_release_that_writes_elsewhere(tree: Path, written: str) -> None:
    found = plant(tree, RELEASE, "> notes.md", f"> {written}")
    assert any(f"> {written}: a script writes and reads no files" in line for line in found)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("      - run: make lint", "      - run: make lint\n        shell: python", "job lint: shell: python; a step"),
        (
            "      - run: make lint",
            "      - run: make lint\n        shell: bash -c 'id; {0}'",
            "job lint: shell: bash -c",
        ),
        ("      - run: make lint", "      - run: make lint\n        env: {BASH_ENV: x}", "job lint: env BASH_ENV"),
        ("      - run: make lint", "      - run: make lint\n        env: {MAKEFLAGS: x}", "job lint: env MAKEFLAGS"),
        (
            "      - run: make lint",
            "      - run: make lint\n        continue-on-error: true",
            "job lint: continue-on-er",
        ),
        (
            "      - run: make lint",
            "      - run: make lint\n        if: false",
            "job lint: if: False; what may be left",
        ),
        (
            "    timeout-minutes: 15\n",
            "    timeout-minutes: 15\n    continue-on-error: true\n",
            "job lint: continue-on",
        ),
        ("    timeout-minutes: 15\n", "    timeout-minutes: 15\n    env: {ENV: x}\n", "job lint: env ENV"),
        (
            "    timeout-minutes: 15\n",
            "    timeout-minutes: 15\n    defaults: {run: {shell: sh}}\n",
            "job lint: defaults",
        ),
        ("permissions: {}\n", "permissions: {}\ndefaults: {run: {shell: sh}}\n", "defaults on top decide how"),
        ("permissions: {}\n", "permissions: {}\nenv: {BASH_ENV: x}\n", "env BASH_ENV: is not among"),
    ],
)
def test_what_decides_how_steps_run(tree: Path, old: str, new: str, fault: str) -> None:
    assert any(line.startswith(f"{CHECKS}: {fault}") for line in plant(tree, CHECKS, old, new))
