"""Of two starts one works; the other says that it waits, and for how long."""

import fcntl
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from health.node import start_lock
from health.node.start_lock import alone_in


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_lock, "_POLL_SECONDS", 0.0)


def test_free_lock_is_taken_without_a_word(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        with alone_in(tmp_path / "lock", said.append):
            pass
    assert said == []


def test_who_waits_says_so_once_and_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def say(text: str) -> None:
            said.append(text)
            fcntl.flock(held, fcntl.LOCK_UN)

        with alone_in(tmp_path / "lock", say):
            pass
    assert said == [f"Another process is starting in {tmp_path}. Waiting for it, at most 600 seconds."]


def test_waiting_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_lock, "MOST_SECONDS", 0.0)
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with (
            pytest.raises(CommandError, match=r"has not ended in 0 seconds") as caught,
            alone_in(tmp_path / "lock", lambda _: None),
        ):
            pass
    assert caught.value.returncode == 3
