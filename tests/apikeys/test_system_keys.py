"""The server's own keys: replaced at each start, never anybody else's, and no cause of alarm."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from apikeys.system_keys import replace_system_key, revoke_unused_system_keys
from events.models import Event
from events.origin import Origin
from health.guard_rails import GUARD_RAILS
from health.guard_rails.keys import KeyGuardRail
from latchkey.validation import InvalidParameters
from tests.conftest import Caller
from tests.support.last_use import set_last_use

LABEL = "health check of web-1:8000"


def test_replaces_key_with_same_label(service: ConfigService) -> None:
    other = replace_system_key(service, label="health check of web-2:8000", scopes=["health:read"])
    namesake = service.issue({"label": LABEL})
    first = replace_system_key(service, label=LABEL, scopes=["health:read"])
    second = replace_system_key(service, label=LABEL, scopes=["health:read"])
    living = set(APIKey.objects.filter(revoked_at=None).values_list("key_id", flat=True))
    assert living == {other.key.key_id, namesake.key.key_id, second.key.key_id}
    assert first.key.key_id not in living
    assert Event.objects.filter(key_id=second.key.key_id).get().data["system"] is True


def test_health_check_key_only_reads_health(service: ConfigService) -> None:
    key = replace_system_key(service, label=LABEL, scopes=["health:read"])
    caller = Caller(key.credential.reveal())
    assert caller.get("/health/full").status_code == 200
    assert caller.get("/v1/keys").status_code == 403


@pytest.mark.parametrize(
    "values", [{"label": "mine"}, {"scopes": ["*"]}, {"rate_limit": None}, {"enabled": True, "metadata": {"a": 1}}]
)
def test_system_key_cannot_be_changed(service: ConfigService, values: dict[str, object]) -> None:
    key_id = replace_system_key(service, label=LABEL, scopes=["health:read"]).key.key_id
    with pytest.raises(InvalidParameters) as refusal:
        service.update(key_id, values)
    assert [error.code for error in refusal.value.errors] == ["system-key"]
    with pytest.raises(InvalidParameters):
        service.rotate(key_id)
    assert service.update(key_id, {"enabled": False}).enabled is False


def test_no_key_can_disable_or_revoke_system_key(api: Caller, service: ConfigService) -> None:
    path = f"/v1/keys/{replace_system_key(service, label=LABEL, scopes=['health:read']).key.key_id}"
    assert api.patch(path, {"enabled": False}).status_code == 422
    assert api.delete(path).status_code == 422
    assert api.post(f"{path}/rotate").status_code == 422
    assert APIKey.objects.get(label=LABEL).enabled


@pytest.mark.django_db(transaction=True)
def test_no_key_can_limit_system_key_by_a_plan(api: Caller, service: ConfigService) -> None:
    health = Caller(replace_system_key(service, label=LABEL, scopes=["health:read"]).credential.reveal())
    tiny = {"name": "tiny", "shared": "owner", "quota": {"quota": 1, "per": "once"}}
    assert api.post("/v1/plans", {"name": "tiny", "limits": [tiny]}).status_code == 201
    api.post("/v1/owners", {"name": APIKey.objects.get(label=LABEL).owner, "plan": "tiny"})
    assert [health.get("/health/full").status_code for _ in range(3)] == [200] * 3


def test_rest_cannot_create_system_key(api: Caller) -> None:
    assert api.post("/v1/keys", {"label": "mine", "system": True}).status_code == 422


def test_system_key_violates_no_guard_rail(service: ConfigService) -> None:
    key = replace_system_key(service, label=LABEL, scopes=["health:read"]).key
    plain = service.issue({"label": "never expires"}).key
    long_after = datetime.now(UTC) + timedelta(days=1000)
    rails = [rail for rail in GUARD_RAILS if isinstance(rail, KeyGuardRail)]
    assert [rail.name for rail in rails if rail.unwaived(long_after).filter(pk=key.pk).exists()] == []
    assert len([rail for rail in rails if rail.unwaived(long_after).filter(pk=plain.pk).exists()]) == 3


def test_unused_system_keys_are_revoked(service: ConfigService) -> None:
    now = datetime.now(UTC)
    gone, alive = (replace_system_key(service, label=f"{LABEL}{n}", scopes=["health:read"]).key for n in (1, 2))
    service.issue({"label": "an operator's"})
    set_last_use(alive, now + timedelta(days=6))
    system = ConfigService(Origin.of_system())
    assert revoke_unused_system_keys(system, now + timedelta(days=6, hours=23)) == 0
    assert revoke_unused_system_keys(system, now + timedelta(days=8)) == 1
    assert list(APIKey.objects.exclude(revoked_at=None)) == [gone]


def test_admin_offers_to_revoke_system_key(admin: Client, service: ConfigService) -> None:
    key = replace_system_key(service, label=LABEL, scopes=["health:read"]).key
    page = admin.get(f"/admin/apikeys/apikey/{key.key_id}/change/").content.decode()
    assert '<span class="badge">system</span>' in page
    assert "../revoke/" in page
    assert "../rotate/" not in page
    assert admin.post(f"/admin/apikeys/apikey/{key.key_id}/change/", {"label": "mine"}).status_code == 302
    assert APIKey.objects.get(pk=key.pk).label == LABEL
    assert '<span class="badge">system</span>' in admin.get("/admin/apikeys/apikey/").content.decode()
