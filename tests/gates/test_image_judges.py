"""What is judged of an image from what an engine tells of it, without an engine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gates.image import debian
from gates.image.configuration import ENTRYPOINT, configuration
from gates.image.engine import Engine
from gates.image.shipped import Shipped
from gates.verdict import Outcome
from latchkey import __version__

SECOND = 10**9
NOW = datetime.now(UTC)


def image(**changes: Any) -> Shipped:
    """An image that says what it has to, but for `changes`."""
    label = "org.opencontainers.image."
    told = {
        "User": "10001:10001",
        "Healthcheck": {
            "Test": ["CMD", "python", "-m", "health.self_check"],
            "Interval": 30 * SECOND,
            "Timeout": 5 * SECOND,
        },
        "StopSignal": "SIGTERM",
        "Entrypoint": [
            "python",
            "-m",
            "controlplane.bootstrap",
            "--serve",
            "--first-start-file",
            "/data/first-start.txt",
        ],
        "Labels": {f"{label}version": __version__, f"{label}revision": "0" * 40},
    }
    return Shipped(Engine("none", (), ()), "image", {**told, **changes}, (), Path("none"))


def check(**changes: Any) -> dict[str, Any]:
    return {"Healthcheck": {**image().configuration["Healthcheck"], **changes}}


def test_what_it_has_to_say() -> None:
    assert configuration(image()).outcome is Outcome.PASSED
    joined = " ".join(image().configuration["Entrypoint"])
    assert configuration(image(Entrypoint=joined)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (check(Interval=600 * SECOND), "Interval of its health check is 600 s, and not 5 to 60 s"),
        (check(Interval=SECOND), "Interval of its health check is 1 s"),
        (check(Timeout=0), "Timeout of its health check is 30 s, and not 1 to 10 s"),
        (check(StartPeriod=600 * SECOND), "StartPeriod of its health check is 600 s"),
        (check(Retries=50), "its health check is asked 50 times, and not 5 at most"),
        (
            {"Entrypoint": ["python", "-m", "controlplane.bootstrap", "--serve", "--first-start"]},
            "its entry point is python",
        ),
        ({"Entrypoint": ["sh", "-c", f"{ENTRYPOINT[0]}{ENTRYPOINT[1]}x"]}, "its entry point is sh -c"),
        ({"Entrypoint": None}, "its entry point is none"),
    ],
    ids=str,
)
def test_planted(changes: dict[str, Any], told: str) -> None:
    (found,) = configuration(image(**changes)).findings
    assert found.startswith(told)


@pytest.mark.parametrize(("dated", "known"), [(NOW, True), (NOW - timedelta(days=8), False), (None, False)])
def test_lists_of_updates_that_are_old_tell_nothing(
    monkeypatch: pytest.MonkeyPatch, dated: datetime | None, *, known: bool
) -> None:
    status = f"Package: {debian.DOCTORED[0]}\nStatus: install ok installed\nVersion: 4.0\n"
    monkeypatch.setattr(Shipped, "text", lambda self, path: status)

    def waiting(image: Shipped, status: str) -> tuple[list[str], datetime | None]:
        return ([] if "Version: 4.0" in status else [f"{debian.DOCTORED[0]} [old]"]), dated

    monkeypatch.setattr(debian, "waiting", waiting)
    verdict = debian.updates(image())
    assert verdict.outcome is (Outcome.PASSED if known else Outcome.UNAVAILABLE)
    assert known or "apt-get update" in verdict.note


def test_newest_date() -> None:
    told = "Inst one\nDate: Fri, 20 Nov 2026 00:12:41 UTC\nDate: Sat, 11 Jul 2026 10:16:37 UTC\n"
    assert debian.newest(told) == datetime(2026, 11, 20, 0, 12, 41, tzinfo=UTC)
    assert debian.newest("Inst one\n") is None
