"""The security model promises nothing without a test, and each test that it names exists."""

import ast
import re
from functools import cache

from tests.docs.test_reference import page
from tests.support.commands import ROOT

PAGE = page("docs/explanation/security.md")
NAMED = r"(tests/[\w/]+\.py)::([\w:]+)"


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the tests of a file as pytest names them, without what they are run with."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {f"{prefix}{it.name}" for it in inner if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef)}
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


def test_named_tests_exist() -> None:
    named = re.findall(NAMED, PAGE)
    assert len(named) > 50
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []


def test_links_lead_to_the_named_file() -> None:
    links = re.findall(rf"\[`{NAMED}`\]\(\.\./\.\./([^)]+)\)", PAGE)
    assert len(links) == len(re.findall(r"::test_\w+", PAGE.replace("::test_…", "")))
    assert [path for path, _, target in links if path != target] == []


def test_every_promise_has_a_test() -> None:
    _, _, actors = PAGE.partition("\n## Anonymous client\n")
    promises = [line for line in actors.splitlines() if line.startswith("| ") and not line.endswith(" test |")]
    assert len(promises) > 50
    assert [line for line in promises if not re.search(NAMED, line.rpartition(" | ")[2])] == []
