"""Lists by state: the same keys whether few or many are in the state."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys import candidates
from apikeys.candidates import in_state
from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from apikeys.pages import STATES
from latchkey.timestamps import rfc3339

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("most_listed", [0, 1, 1000])
def test_states_are_the_same_for_few_and_many(
    service: ConfigService, most_listed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "MOST_LISTED", most_listed)
    now = timezone.now()
    for number in range(3):
        names = [service.issue({"label": f"{state} {number}"}).key.key_id for state in STATES]
        ids = dict(zip(STATES, names, strict=True))
        service.update(ids["disabled"], {"enabled": False})
        service.update(ids["expired"], {"expires_at": rfc3339(now + timedelta(minutes=1))})
        service.update(ids["unlimited"], {"rate_limit": None})
        service.rotate(ids["rotating"])
        service.revoke(ids["revoked"])
    later = now + timedelta(minutes=2)
    for state in STATES:
        found = {key.label.split()[0] for key in in_state(APIKey.objects.all(), state, later)}
        assert found == ({"active", "unlimited", "rotating"} if state == "active" else {state})
        assert in_state(APIKey.objects.all(), state, later).count() == APIKey.objects.in_state(state, later).count()
