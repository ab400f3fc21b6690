"""What a key of the API says about its rotation."""

from datetime import UTC, datetime, timedelta

import pytest

from latchkey.client.document import Document
from latchkey.client.key import Key
from latchkey.rotation import RotationState
from latchkey.timestamps import rfc3339
from tests.latchkey.client.responses import KEY

NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)


def ago(hours: float | None) -> str | None:
    return None if hours is None else rfc3339(NOW - timedelta(hours=hours))


def secret(number: int, state: str, first: float | None, last: float | None) -> dict[str, object]:
    """A secret that was first and last used so many hours ago."""
    ends = rfc3339(NOW + timedelta(days=1)) if state == "retiring" else None
    used = {"first_used_at": ago(first), "last_used_at": ago(last)}
    return {"id": number, "state": state, "created_at": ago(99), "expires_at": ends, **used}


@pytest.mark.parametrize(
    ("new_first_used", "old_used", "state"),
    [
        (None, None, RotationState.UNUSED),
        (None, 9.5, RotationState.UNUSED),
        (8, 0.9, RotationState.IN_USE),
        (0.9, 9, RotationState.SETTLING),
        (9, 1, RotationState.READY),
        (1, None, RotationState.READY),
    ],
)
def test_progress(new_first_used: float | None, old_used: float | None, state: RotationState) -> None:
    new_used = None if new_first_used is None else 0.0
    secrets = [secret(1, "retiring", old_used, old_used), secret(2, "active", new_first_used, new_used)]
    progress = Key.read(Document({**KEY, "secrets": secrets}, "key")).rotation_progress(NOW)
    assert progress
    assert progress.state() is state


def test_no_progress_without_a_rotation() -> None:
    key = Key.read(Document(KEY, "key"))
    assert (key.rotation_progress(NOW), key.active and key.active.id) == (None, 1)
