"""What the peers' environment pins: exact versions, and for shared packages those that the product ships."""

import re
from pathlib import Path

from benchmarks.measurement import ROOT
from benchmarks.servers import REQUIREMENTS

_PIN = re.compile(r"([a-z0-9][a-z0-9.-]*)==([^\s;\\]+)")


def pins(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {match[1]: match[2] for line in lines if (match := _PIN.match(line))}


def test_every_line_is_a_pin() -> None:
    lines = [line for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(_PIN.fullmatch(line) for line in lines)


def test_shared_packages_have_the_shipped_versions() -> None:
    shipped, measured = pins(ROOT / "requirements.txt"), pins(REQUIREMENTS)
    shared = shipped.keys() & measured.keys()
    assert {"lmdb", "structlog", "django", "djangorestframework"} <= shared
    assert {name: measured[name] for name in shared} == {name: shipped[name] for name in shared}
