"""A confirmation is asked for on standard error, and answered on standard input."""

import io
import sys

import pytest

from latchkey.cli.confirmation import confirm
from latchkey.cli.errors import CLIError
from tests.support.terminal import Terminal

KEY_ID = "lk_000000000000"


def asked(monkeypatch: pytest.MonkeyPatch, typed: str) -> tuple[Terminal, io.StringIO]:
    """Standard error on a terminal, on which `typed` is typed, and standard output, which goes somewhere else."""
    shown, out = Terminal(), io.StringIO()
    for name, stream in {"stdin": Terminal(typed), "stderr": shown, "stdout": out}.items():
        monkeypatch.setattr(sys, name, stream)
    return shown, out


def test_standard_output_stays_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a pipe to a store of secrets."""
    shown, out = asked(monkeypatch, f"{KEY_ID}\n")
    confirm(KEY_ID, "This ends it.", yes=False)
    assert shown.getvalue() == f"This ends it. This cannot be undone. Type {KEY_ID} to continue: "
    assert out.getvalue() == ""


@pytest.mark.parametrize("typed", ["yes\n", "", "\n"], ids=["another text", "end of input", "nothing"])
def test_anything_else_changes_nothing(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    asked(monkeypatch, typed)
    with pytest.raises(CLIError) as raised:
        confirm(KEY_ID, "This ends it.", yes=False)
    assert "not the key ID" in str(raised.value)
