"""The calls of REST while the database is known to be down."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apikeys.cache.key_cache import default_key_cache
from apikeys.config_service import IssuedKey
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def down(api: Caller) -> None:
    """The process knows the root key, and takes the database for down."""
    assert api.get("/v1/whoami").status_code == 200
    default_key_cache().poller.record_failure("away")


def used(root: IssuedKey) -> int:
    return default_limiter().store.peek(root.key.key_id.encode()).allowed


@pytest.mark.usefixtures("down")
def test_call_without_database_fails_fast_and_free(api: Caller, root: IssuedKey) -> None:
    path = f"/v1/keys/{root.key.key_id}"
    before = used(root)
    with CaptureQueriesContext(connection) as queries:
        answers = [
            api.get("/v1/keys"), api.post("/v1/keys", {"label": "y"}), api.patch(path, {"label": "y"}),
            api.delete(path), api.post(f"{path}/rotate"), api.get("/v1/events"), api.get("/v1/waivers"),
            api.get("/health/full"), api.get("/health"),
        ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [503] * 9
    assert {answer.json()["type"].rpartition("/")[2] for answer in answers[:-1]} == {"unavailable"}
    assert (len(queries), used(root)) == (0, before)


@pytest.mark.usefixtures("down")
def test_call_that_needs_no_database_works(api: Caller, root: IssuedKey) -> None:
    before = used(root)
    assert [api.get(path).status_code for path in ("/v1/whoami", "/metrics")] == [200, 200]
    asked = {"credential": root.credential.reveal()}
    assert api.post("/v1/verify", asked).json()["code"] == "VALID"
    assert used(root) == before + 4


def test_report_shows_key_cache(api: Caller, settings: Settings) -> None:
    settings.DIRECTORY_STALE_SECONDS = 30
    assert api.get("/health/full").json()["components"]["key_directory"] == {"status": "ok", "stale_seconds": 30}


def test_health_reports_database_down(anonymous: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("health.local_health.database_responds", lambda: False)
    assert anonymous.get("/health").status_code == 503
    assert default_key_cache().database_is_down


@pytest.mark.usefixtures("down")
def test_unconfirmed_old_record_opens_no_report(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BucketStoreError("away")

    for name in ("peek", "take"):
        monkeypatch.setattr(default_limiter().store, name, fail)
    assert api.get("/metrics").status_code == 200
    monkeypatch.setattr(type(default_key_cache()), "is_old", lambda *_: True)
    assert api.get("/metrics").status_code == 503
