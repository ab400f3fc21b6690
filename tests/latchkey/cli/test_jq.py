"""--jq with the program, with the package, and with neither."""

import shutil
import sys
from types import ModuleType, SimpleNamespace

import pytest

from latchkey.cli.errors import CLIError
from latchkey.cli.jq import check_jq, filtered

DOCUMENT = {"items": [{"key_id": "lk_1", "n": 1}, {"key_id": "lk_2", "n": None}]}
needs_program = pytest.mark.skipif(shutil.which("jq") is None, reason="needs the program jq")


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jq", None)


@needs_program
@pytest.mark.usefixtures("without_package")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (".items[].key_id", "lk_1\nlk_2"),
        (".items[0]", '{"key_id":"lk_1","n":1}'),
        (".items[1].n", "null"),
        ("empty", ""),
        ("-1", "-1"),
        ("--version", None),
        (".items | length # a comment", "2"),
    ],
)
def test_program(expression: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(CLIError):
            filtered(expression, DOCUMENT)
    else:
        check_jq(expression)
        assert filtered(expression, DOCUMENT) == expected


@needs_program
@pytest.mark.usefixtures("without_package")
def test_invalid_expression_is_found_before_anything_is_done() -> None:
    for invalid in (".[", "nothing(1)"):
        with pytest.raises(CLIError, match="error"):
            check_jq(invalid)
    check_jq(".items[]")
    with pytest.raises(CLIError, match="Cannot iterate"):
        filtered(".items[0].n[]", DOCUMENT)


def test_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with the interface of the package jq: the results of an expression, or ValueError."""
    package = ModuleType("jq")

    def compiled(expression: str) -> object:
        if expression == ".[":
            raise ValueError("jq: error: syntax error\njq: 1 compile error")
        found = lambda document: SimpleNamespace(all=lambda: [document["items"][0]["key_id"], {"a": "ü"}, None])  # noqa: E731
        return SimpleNamespace(input_value=found)

    package.compile = compiled  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jq", package)
    assert filtered(".", DOCUMENT) == 'lk_1\n{"a": "ü"}\nnull'
    with pytest.raises(CLIError, match=r"jq: error: syntax error$"):
        check_jq(".[")


@pytest.mark.usefixtures("without_package")
def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CLIError) as raised:
        check_jq(".")
    assert "latchkey[jq]" in raised.value.remedy
