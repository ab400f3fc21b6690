"""When a rotation is ready to be finished."""

import pytest

from latchkey.rotation import NOT_READY_REASONS, RotationProgress, RotationState

UNUSED, IN_USE, SETTLING, READY = RotationState


@pytest.mark.parametrize(
    ("new_first_used", "old_last_used", "quiet_seconds", "state"),
    [
        (None, None, None, UNUSED),
        (None, 90_000, None, UNUSED),
        (90_000, 3599.9, 3599.9, IN_USE),
        (3599.9, 3599.9, 3599.9, IN_USE),
        (3599.9, 90_000, 3599.9, SETTLING),
        (3599.9, None, 3599.9, SETTLING),
        (3600, 3600, 3600, READY),
        (90_000, 3600, 3600, READY),
        (3600, None, 3600, READY),
        (-5, -5, -5, IN_USE),
    ],
)
def test_quiet_time_starts_with_the_new_secret(
    new_first_used: float | None, old_last_used: float | None, quiet_seconds: float | None, state: RotationState
) -> None:
    progress = RotationProgress(new_first_used, old_last_used)
    assert (progress.quiet_seconds, progress.state()) == (quiet_seconds, state)


def test_the_time_may_be_another() -> None:
    progress = RotationProgress(new_first_used=60, old_last_used=30)
    assert [progress.state(seconds) for seconds in (30, 30.1, 60)] == [READY, IN_USE, IN_USE]


def test_every_unready_state_has_a_reason() -> None:
    assert set(RotationState) - set(NOT_READY_REASONS) == {READY}
