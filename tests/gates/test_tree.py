"""A tool that did not end as it should is never believed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gates import dependency_audit, dockerfile, newer_python, sbom, security_lint, workflows
from gates.tree import ROOT, NoAnswer, run_tool, with_tool

Tool = Callable[[str, str], None]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Puts a program of ours in the place of a tool."""

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    return put


def test_an_exit_that_is_known(tool: Tool) -> None:
    tool("judge", "echo said; exit 1")
    assert run_tool("judge").stdout == "said\n"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("kill -9 $$", "judge was ended by signal 9: it said nothing"),
        ("echo '[]'; kill -15 $$", "judge was ended by signal 15"),
        ("echo '[]'; echo no space >&2; exit 2", "judge ended with 2: no space"),
        ("exit 137", "judge ended with 137"),
    ],
)
def test_another_end(tool: Tool, script: str, told: str) -> None:
    tool("judge", script)
    with pytest.raises(NoAnswer, match=told):
        run_tool("judge")


def test_what_is_not_there_or_cannot_be_run(tool: Tool, tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match="judge is not installed"):
        run_tool("judge")
    tool("judge", "exit 0")
    (tmp_path / "judge").chmod(0o644)
    with pytest.raises(NoAnswer, match="judge cannot be run"):
        run_tool("judge")


@pytest.mark.parametrize(
    ("name", "said", "judge"),
    [
        ("pip-audit", '{"dependencies": []}', dependency_audit.judge),
        ("hadolint", "[]", dockerfile.judge),
        ("vermin", "Minimum required versions: 3.11", newer_python.judge),
        ("ruff", "[]", security_lint.judge),
        ("cyclonedx-py", "{}", sbom.judge),
        ("zizmor", "[]", lambda: workflows._zizmor(ROOT)),
        ("actionlint", "", lambda: workflows._actionlint(ROOT)),
    ],
)
@pytest.mark.parametrize("end", ["kill -9 $$", "exit 99"])
def test_gate_whose_tool_is_killed_after_it_said_that_all_is_well(
    tool: Tool, name: str, said: str, judge: Callable[[], object], end: str
) -> None:
    tool(name, f"echo '{said}'; {end}")
    with pytest.raises(NoAnswer, match=name):
        judge()


def test_own_findings_stand_alone() -> None:
    def silent() -> list[str]:
        raise NoAnswer("not there")

    assert with_tool(["a fault"], silent) == ["a fault"]
    assert with_tool(["a fault"], lambda: ["another"]) == ["a fault", "another"]
    with pytest.raises(NoAnswer):
        with_tool([], silent)


def test_own_rules_come_first(tmp_path: Path, tool: Tool) -> None:
    (tmp_path / "module.py").write_text("def broken(:\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.11"\n')
    (found,) = newer_python.findings(tmp_path)
    assert found.startswith("module.py:1: ")
    (tmp_path / "module.py").write_text("x = 1  # noqa\n")
    assert security_lint.findings(tmp_path) == ["module.py:1: noqa is for every rule: name those that are meant"]
