import pytest
from django.db import OperationalError
from pytest_django import Settings

from apikeys.config_service import ConfigService
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
    monkeypatch.setattr(default_limiter().store, "peek", fail)
    assert anonymous.get("/health").json() == {"status": "degraded"}


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
    assert (after["status"], after["degraded"]) == ("ok", [])
    assert after["components"]["bucket_store"] == {"status": "ok"}
    limits = after["rate_limit"]
    assert (limits["store"], limits["keys"], limits["limited"], limits["unlimited"]) == ("memory", 3, 2, 1)
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
