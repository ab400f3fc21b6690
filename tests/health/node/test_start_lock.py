"""Startup locks: of two starts one works, and the other reports that it waits."""

import fcntl
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from health.node import start_lock
from health.node.start_lock import hold_file_lock


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_lock, "_POLL_SECONDS", 0.0)


def test_free_lock_is_taken_silently(tmp_path: Path) -> None:
    reported: list[str] = []
    for _ in range(2):
        with hold_file_lock(tmp_path / "lock", reported.append):
            pass
    assert reported == []


def test_waiting_is_reported_once(tmp_path: Path) -> None:
    reported: list[str] = []
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def report(text: str) -> None:
            reported.append(text)
            fcntl.flock(held, fcntl.LOCK_UN)

        with hold_file_lock(tmp_path / "lock", report):
            pass
    assert reported == [f"Another process is starting in {tmp_path}. Waiting for it, at most 600 seconds."]


def test_waiting_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_lock, "MAX_WAIT_SECONDS", 0.0)
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with (
            pytest.raises(CommandError, match=r"did not finish in 0 seconds") as caught,
            hold_file_lock(tmp_path / "lock", lambda _: None),
        ):
            pass
    assert caught.value.returncode == 3
