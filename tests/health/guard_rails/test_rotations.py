"""Guard rails about old secrets and rotations."""

from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from apikeys.config_service import ConfigService
from apikeys.models import KeySecret
from events.origin import Origin
from tests.health.guard_rails.findings import DAY, NOW, SECOND, WELL_CONFIGURED, count_violations
from tests.support.last_use import set_secret_use

pytestmark = pytest.mark.django_db


def test_old_secrets(keys: ConfigService, settings: Settings) -> None:
    settings.SECRET_MAX_AGE = 10 * DAY
    key = keys.issue(WELL_CONFIGURED).key
    assert count_violations("old_secret", NOW + 10 * DAY) == 0
    assert count_violations("old_secret", NOW + 10 * DAY + SECOND) == 1
    later = ConfigService(Origin("command:test", "r"), now=lambda: NOW + 9 * DAY)
    later.rotate(key.key_id, {"grace_seconds": 2_592_000})
    assert count_violations("old_secret", NOW + 11 * DAY) == 0, "the retiring secret ends by itself"


@pytest.mark.parametrize(("grace", "near_end"), [(4 * 3600, 3 * 3600), (10 * 86_400, 9 * 86_400)])
def test_overdue_rotations(keys: ConfigService, grace: int, near_end: int) -> None:
    key_id = keys.issue(WELL_CONFIGURED).key.key_id
    keys.rotate(key_id, {"grace_seconds": grace})
    overdue = NOW + timedelta(seconds=near_end)

    def used(moment: datetime, state: str = "retiring") -> None:
        set_secret_use(KeySecret.objects.get(key__key_id=key_id, state=state), moment)

    used(NOW - SECOND)
    assert count_violations("overdue_rotation", overdue) == 0, "nothing is known to use it since the rotation"
    used(overdue - SECOND)
    assert count_violations("overdue_rotation", overdue - SECOND) == 0
    assert count_violations("overdue_rotation", overdue) == 1, "the new secret was never used"
    used(overdue, "active")
    assert count_violations("overdue_rotation", overdue) == 0, "it was not used since"
    used(overdue)
    assert count_violations("overdue_rotation", overdue - SECOND) == 0
    assert count_violations("overdue_rotation", overdue) == 1
    assert count_violations("overdue_rotation", NOW + timedelta(seconds=grace)) == 0
    keys.finish_rotation(key_id)
    assert count_violations("overdue_rotation", overdue) == 0
