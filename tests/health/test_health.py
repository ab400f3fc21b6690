from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from apikeys.config_service import ConfigService
from events.models import Event
from health.local_health import look_for_steward
from health.scheduler.steward import Steward
from health.scheduler.tasks import tasks
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


def fail(*_: object) -> None:
    raise BucketStoreError("no room")


def test_health_is_open_and_says_little(anonymous: Caller) -> None:
    response = anonymous.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_health_without_a_store_is_degraded(anonymous: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default_limiter().store, "ping", fail)
    assert anonymous.get("/health").json() == {"status": "degraded"}


def test_operators_see_the_outage_of_the_store(
    api: Caller, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.get("/v1/whoami").status_code == 200
    for name in ("ping", "take"):
        monkeypatch.setattr(default_limiter().store, name, fail)
    assert api.get("/v1/whoami").status_code == 503
    report = api.get("/health/full").json()
    assert (report["degraded"], report["components"]["bucket_store"]) == (["bucket_store"], {"status": "degraded"})
    assert (report["rate_limit"]["fallback"], report["rate_limit"]["on_fallback"]) == ("deny", True)
    assert api.get("/metrics").status_code == 200
    stranger = Caller(service.issue({"label": "x"}).credential.reveal())
    assert stranger.get("/metrics").status_code == 403


def test_health_without_a_database_is_down(anonymous: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", away)
    response = anonymous.get("/health")
    assert (response.status_code, response.json()) == (503, {"status": "down"})


def test_full_health_shows_the_limits(api: Caller, service: ConfigService) -> None:
    service.issue({"label": "x", "rate_limit": None})
    service.revoke(service.issue({"label": "gone"}).key.key_id)
    before = api.get("/health/full").json()
    limited = service.issue({"label": "y", "rate_limit": {"burst": 1, "per_seconds": 3600}})
    caller = Caller(limited.credential.reveal())
    assert [caller.get("/v1/whoami").status_code for _ in range(3)] == [200, 429, 429]
    after = api.get("/health/full").json()
    assert (after["status"], after["degraded"]) == ("degraded", ["unlimited_key"])
    assert after["components"]["bucket_store"] == {"status": "ok"}
    limits = after["rate_limit"]
    assert (limits["store"], limits["keys"], limits["limited"], limits["unlimited"]) == ("memory", 3, 2, 1)
    assert (limits["fallback"], limits["on_fallback"]) == ("deny", False)
    assert limits["throttled_total"] - before["rate_limit"]["throttled_total"] == 2
    assert limits["allowed_total"] - before["rate_limit"]["allowed_total"] == 2
    assert after["metrics"]["api_rate_limit_throttled_total"] == limits["throttled_total"]


def test_metrics_need_a_key_unless_they_are_public(api: Caller, anonymous: Caller, settings: Settings) -> None:
    assert anonymous.get("/metrics").status_code == 401
    response = api.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert response.status_code == 200
    assert b"api_rate_limit_allowed_total" in response.content
    assert response["Content-Type"].startswith("text/plain")
    settings.METRICS_PUBLIC = True
    assert anonymous.get("/metrics").status_code == 200


def test_no_label_names_a_key_a_secret_or_an_address(api: Caller, service: ConfigService) -> None:
    issued = service.issue({"label": "x"})
    Caller(issued.credential.reveal()[:-1] + "0").get("/v1/whoami")
    Caller(issued.credential.reveal()).get(f"/v1/keys/{issued.key.key_id}")
    text = api.get("/metrics").content.decode()
    assert "lk_" not in text.replace("_bulk_", "")
    assert "lks_" not in text
    assert "127.0.0.1" not in text


def samples(api: Caller) -> dict[str, float]:
    """The metrics that the database tells."""
    lines = api.get("/metrics").content.decode().splitlines()
    names = ("health_degraded{", "config_guardrail_violations_total{")
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line.startswith(names))}


def test_a_breach_shows_everywhere_and_goes_again(api: Caller, anonymous: Caller, service: ConfigService) -> None:
    before = samples(api)
    assert before['health_degraded{component="unlimited_key"}'] == 0
    assert before['config_guardrail_violations_total{guard_rail="unlimited_key"}'] == 0
    key_id = service.issue({"label": "x", "rate_limit": None}).key.key_id
    assert anonymous.get("/health").json() == {"status": "degraded"}
    report = api.get("/health/full").json()
    (breach,) = [found for found in report["guard_rails"] if found["name"] == "unlimited_key"]
    assert (report["status"], report["degraded"], breach["count"]) == ("degraded", ["unlimited_key"], 1)
    assert "/guard-rails/unlimited_key" in breach["remediation"]
    assert report["metrics"]["health_degraded"] == 1
    assert report["metrics"]["config_guardrail_violations_total"] == 2, "the root key never expires"
    during = samples(api)
    assert during['health_degraded{component="unlimited_key"}'] == 1
    assert during['config_guardrail_violations_total{guard_rail="unlimited_key"}'] == 1
    service.update(key_id, {"rate_limit": {"burst": 5, "per_seconds": 60}})
    assert anonymous.get("/health").json() == {"status": "ok"}
    report = api.get("/health/full").json()
    assert (report["degraded"], [found["name"] for found in report["guard_rails"]]) == ([], ["key_without_expiry"])
    after = samples(api)
    assert after['health_degraded{component="unlimited_key"}'] == 0
    assert after['config_guardrail_violations_total{guard_rail="unlimited_key"}'] == 1


def test_an_absent_steward_is_seen_by_probes_and_told_by_the_lookout(
    anonymous: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATCHKEY_STARTED_AT", str((timezone.now() - timedelta(minutes=1)).timestamp()))
    assert anonymous.get("/health").json() == {"status": "degraded"}
    assert not Event.objects.exists(), "a probe writes nothing"
    for _ in range(2):
        look_for_steward()
    event = Event.objects.get()
    assert (event.type, event.data["component"], event.data["status"]) == (
        "HealthChanged",
        "absent_steward",
        "degraded",
    )
    assert Steward(tasks(default_limiter())).turn()
    assert anonymous.get("/health").json() == {"status": "ok"}
    assert [told.data["status"] for told in Event.objects.order_by("id")] == ["degraded", "ok"]


def test_metrics_are_told_while_the_database_is_away(
    anonymous: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.METRICS_PUBLIC = True

    def away(*_: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", away)
    response = anonymous.get("/metrics")
    assert response.status_code == 200
    assert b"health_degraded{" not in response.content
