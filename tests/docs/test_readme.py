"""What README claims: figures that were measured, checks that exist, and the commands that CI calls."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from health.guard_rails import GUARD_RAILS

ROOT: Path = settings.BASE_DIR
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_rates_are_those_of_the_last_measurement() -> None:
    [page] = (ROOT / "docs").rglob("performance.md")
    measured = re.findall(r"\d+(?:,\d{3})+", page.read_text(encoding="utf-8").partition("<!-- end of figures -->")[0])
    rates = re.findall(r"\d+(?:,\d{3})+", README)
    assert len(rates) > 5
    assert set(rates) <= set(measured)


def test_guard_rails_are_counted() -> None:
    assert f"{len(GUARD_RAILS)} checks" in README


@pytest.mark.parametrize("command", ["make test", "make test-all", "make test-failed", "make lint"])
def test_commands_of_ci_are_explained(command: str) -> None:
    assert re.search(rf"^{command} +# \w", README, flags=re.MULTILINE)
