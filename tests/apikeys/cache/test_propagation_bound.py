"""The time from which a change holds everywhere."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from apikeys.cache.propagation_bound import PropagationBound
from apikeys.config_service import ConfigService, IssuedKey
from events.origin import Origin
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.stores import BucketStoreError, MemoryStore
from tests.conftest import Caller

NOW = datetime(2026, 11, 21, 12, 0, 0, 1, tzinfo=UTC)
FIELD = "X-Latchkey-Effective-By"


@pytest.mark.parametrize(
    ("lease", "alone", "published", "seconds"),
    [
        (0.0, False, True, 0.0),
        (2.0, False, True, 2.0),
        (0.0, True, True, 5.0),
        (2.0, True, True, 5.0),
        (7.0, True, True, 7.0),
        (0.0, False, False, 120.0),
        (2.0, True, False, 120.0),
        (300.0, False, False, 300.0),
    ],
)
def test_bound(lease: float, alone: bool, published: bool, seconds: float) -> None:
    reach = PropagationBound(trusted_seconds=5.0, stale_seconds=120.0, lease_seconds=lease, decides_alone=alone)
    assert reach.after_publication(published=published) == seconds


def test_record_age_is_bound_without_staleness() -> None:
    reach = PropagationBound(trusted_seconds=5.0, stale_seconds=0.0, lease_seconds=0.0, decides_alone=False)
    assert reach.after_publication(published=False) == 5.0


@pytest.mark.parametrize(
    ("microseconds", "rounded"), [(0, 0), (1, 1000), (999, 1000), (1000, 1000), (999_001, 1_000_000)]
)
def test_time_is_rounded_up(microseconds: int, rounded: int) -> None:
    reach = PropagationBound(trusted_seconds=5.0, stale_seconds=0.0, lease_seconds=0.0, decides_alone=False)
    second = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
    now = second + timedelta(microseconds=microseconds)
    assert reach.effective_by(now, published=True) == second + timedelta(microseconds=rounded)


class Remote(Limiter):
    """A limiter on a store of several hosts."""

    store_is_remote = True
    fallback = "local"
    lease_seconds = 2.0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("fallback", "seconds"), [("local", 5), ("allow", 5), ("deny", 2)])
def test_service_uses_limiter(root: IssuedKey, fallback: str, seconds: int) -> None:
    limiter = Remote(MemoryStore())
    limiter.fallback = fallback
    service = ConfigService(Origin("command:test", "r"), limiter=limiter, now=lambda: NOW)
    assert service.effective_by is None
    service.update(root.key.key_id, {"label": "y"})
    assert service.effective_by == NOW.replace(microsecond=1000) + timedelta(seconds=seconds)


@pytest.mark.django_db(transaction=True)
def test_change_without_effect_is_published_again(root: IssuedKey, service: ConfigService) -> None:
    service.update(root.key.key_id, {"label": "y"})
    default_limiter().store.forget(root.key.key_id.encode())
    service.update(root.key.key_id, {"label": "y"})
    assert default_limiter().epoch(root.key.key_id) == 2
    default_limiter().store.forget(root.key.key_id.encode())
    service.finish_rotation(root.key.key_id)
    assert default_limiter().epoch(root.key.key_id) == 2


@pytest.mark.django_db(transaction=True)
def test_every_rest_change_returns_effective_by(
    api: Caller, service: ConfigService, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DIRECTORY_STALE_SECONDS = 77
    path = f"/v1/keys/{service.issue({'label': 'x'}).key.key_id}"

    def bounds() -> list[int]:
        answers = [
            api.patch(path, {"label": "y"}),
            api.post(f"{path}/rotate", {}),
            api.post(f"{path}/rotate/finish"),
        ]
        now = timezone.now()
        assert [answer.status_code for answer in answers] == [200] * 3
        assert all(len(answer[FIELD]) == len("2026-11-21T12:00:00.001Z") for answer in answers)
        return [round((datetime.fromisoformat(answer[FIELD]) - now).total_seconds() / 7) for answer in answers]

    assert bounds() == [0] * 3

    def fail(*_: object) -> None:
        raise BucketStoreError("away")

    monkeypatch.setattr(default_limiter().store, "set_epoch", fail)
    assert bounds() == [11] * 3
    revoked = api.delete(path)
    assert (revoked.status_code, FIELD in revoked) == (204, True)
    refused = api.patch(path, {"label": "z"})
    assert (refused.status_code, FIELD in refused) == (409, False)
    assert FIELD not in api.get(path)


@pytest.mark.django_db(transaction=True)
def test_openapi_document_has_effective_by(anonymous: Caller) -> None:
    paths = anonymous.get("/openapi.json").json()["paths"]
    calls = [
        (f"/v1/keys/{{key_id}}{path}", method, status)
        for path, method, status in [
            ("", "patch", "200"),
            ("", "delete", "204"),
            ("/rotate", "post", "200"),
            ("/rotate/finish", "post", "200"),
        ]
    ]
    for path, method, status in calls:
        schema = paths[path][method]["responses"][status]["headers"][FIELD]["schema"]
        assert schema == {"type": "string", "format": "date-time"}
