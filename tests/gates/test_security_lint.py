from pathlib import Path

import pytest

from gates import security_lint
from gates.tree import ROOT
from gates.verdict import Outcome


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("app", "tests", "benchmarks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "manage.py").touch()
    return tmp_path


def test_this_tree() -> None:
    verdict = security_lint.judge()
    assert verdict.outcome is Outcome.PASSED, verdict


def test_what_is_shipped() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in security_lint.shipped(ROOT)}
    assert {"latchkey", "apikeys", "controlplane", "gates", "manage.py"} <= tops
    assert not tops & {"tests", "benchmarks"}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("assert True\n", "app/module.py:1: S101 "),
        ("x = eval('1')\n", "app/module.py:1: S307 "),
        ("PASSWORD = 'hunter2'\n", "app/module.py:1: S105 "),
        ("assert True  # noqa: S101\n", "app/module.py:1: noqa: S101 has no reason behind ' - '"),
        ("assert True  # noqa: E501, S101\n", "app/module.py:1: noqa: E501, S101 has no reason behind ' - '"),
        ("\nassert True  # noqa\n", "app/module.py:2: noqa is for every rule: name those that are meant"),
        ("# ruff: noqa: S101\nassert True\n", "app/module.py:1: noqa: S101 has no reason behind ' - '"),
        ("# ruff: file-ignore[S101]\nassert True\n", "app/module.py:1: ruff: file-ignore has no reason behind ' - '"),
        ("# ruff: disable[S101]\nassert True\n", "app/module.py:1: ruff: disable has no reason behind ' - '"),
        ("assert True  # ruff: ignore[assert]\n", "app/module.py:1: ruff: ignore has no reason behind ' - '"),
        ("assert True  # noqa: E501 # noqa: S101\n", "app/module.py:1: noqa: S101 has no reason behind ' - '"),
        ("# ruff: noqa\nassert True\n", "app/module.py:1: noqa is for every rule: name those that are meant"),
    ],
)
def test_planted(tree: Path, source: str, told: str) -> None:
    (tree / "app" / "module.py").write_text(source)
    found = security_lint.findings(tree)
    assert any(it.startswith(told) for it in found), found


@pytest.mark.parametrize(
    "source",
    [
        "assert True  # noqa: S101 - it is true\n",
        "x = 1  # noqa: E501\n",
        'x = "# noqa"\n',
        "# A comment about noqas\nx = 1\n",
    ],
)
def test_what_is_fine(tree: Path, source: str) -> None:
    (tree / "app" / "module.py").write_text(source)
    assert security_lint.findings(tree) == []


@pytest.mark.parametrize("name", ["tool.py", "plain/tool.py", "plain/below/tool.py"])
def test_a_module_in_no_package_is_shipped_too(tree: Path, name: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text("assert True\n")
    (found,) = security_lint.findings(tree)
    assert found.startswith(f"{name}:1: S101 ")


def test_settings_of_the_project_weaken_nothing(tree: Path) -> None:
    (tree / "pyproject.toml").write_text('[tool.ruff.lint]\nignore = ["S"]\n')
    (tree / "app" / "module.py").write_text("assert True\n")
    assert len(security_lint.findings(tree)) == 1


def test_tests_and_benchmarks_are_passed_over(tree: Path) -> None:
    for name in ("tests", "benchmarks"):
        (tree / name / "module.py").write_text("assert True  # noqa\n")
    assert security_lint.findings(tree) == []
