import sys
from pathlib import Path

import pytest

from gates import newer_python
from gates.python_minimum import minimum
from gates.tree import ROOT
from gates.verdict import Outcome
from tests.gates.planting import copied


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir()
    return copied(tmp_path, "pyproject.toml")


@pytest.mark.slow("compiles every file")
def test_this_tree() -> None:
    verdict = newer_python.judge()
    assert verdict.outcome is Outcome.PASSED, verdict
    assert int(verdict.note.split()[0]) > 400


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import itertools\n\nitertools.batched([1], 2)\n", "needs Python 3.12"),
        ("from typing import override\n", "needs Python 3.12"),
        ("from pathlib import Path\n\nPath('.').walk()\n", "needs Python 3.12"),
        ("import copy\n\ncopy.replace\n", "needs Python 3.13"),
        ("from warnings import deprecated  # novermin\n", "needs Python 3.13"),
        ("type Name = str\n", ""),
        ("def first[T](items: list[T]) -> T:\n    return items[0]\n", ""),
        ("def broken(:\n", ""),
    ],
)
def test_planted(tree: Path, source: str, told: str) -> None:
    (tree / "package" / "module.py").write_text(source)
    found = newer_python.findings(tree)
    assert found
    assert all(it.startswith("package/module.py:") for it in found)
    assert told in found[0]


def test_what_the_minimum_has_is_fine(tree: Path) -> None:
    (tree / "package" / "module.py").write_text("from datetime import UTC\nfrom typing import Self\n\nb'x'.decode()\n")
    assert newer_python.findings(tree) == []


def test_environments_and_caches_are_passed_over(tree: Path) -> None:
    for directory in (".venv", "build"):
        (tree / directory).mkdir()
        (tree / directory / "module.py").write_text("def broken(:\n")
    assert newer_python.findings(tree) == []


def test_syntax_is_that_of_the_minimum_on_a_newer_python_too(tree: Path) -> None:
    """`except*` is of 3.11, and this Python knows it."""
    (tree / "package" / "module.py").write_text("try:\n    pass\nexcept* OSError:\n    pass\n")
    assert newer_python.uncompiled(tree, (3, 11)) == []
    assert newer_python.uncompiled(tree, (3, 10)) != []


@pytest.mark.skipif(sys.version_info[:2] != minimum(ROOT), reason="this Python is newer than the minimum")
def test_the_compiler_of_the_minimum_finds_what_lists_cannot(tree: Path) -> None:
    """Quotes of one kind within each other in an f-string are of 3.12; to older ones they are another syntax."""
    (tree / "package" / "module.py").write_text("""x = f"{'a' + "b"}"\n""")
    assert newer_python.uncompiled(tree, minimum(ROOT)) != []
