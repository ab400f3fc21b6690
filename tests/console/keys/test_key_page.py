"""Page of a key: what it shows before anything is edited."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, UnitUsage, UsageStep
from apikeys.usage.steps import step_start
from console.keys.bucket_state import BucketState, bucket_state, look_at
from health import key_violations
from ratelimit.limiter import default_limiter
from ratelimit.stores.base import BucketStoreError
from tests.console.keys.pages import path

pytestmark = pytest.mark.django_db
MOST_QUERIES = 19


def take(key: APIKey, count: int) -> None:
    for _ in range(count):
        default_limiter().take(key.key_id, key.limit, cost=1, epoch=key.epoch, slot=0)


def test_page_shows_how_much_of_the_limit_is_used(admin: Client, service: ConfigService) -> None:
    key = service.issue({"label": "one", "rate_limit": {"burst": 5, "per_seconds": 2_000_000}}).key
    take(key, 2)
    state = bucket_state(key, look_at(key, default_limiter()))
    assert state is not None
    assert (state.burst, state.used, state.left) == (5, 2, 3)
    assert 700_000 < state.reset_seconds <= 800_000
    page = admin.get(path(key)).content.decode()
    assert re.search(r'<meter min="0" max="5" [^>]*value="2" aria-label="Used of key"></meter>', page)
    assert "2 used, 3 left, full again in" in page
    assert admin.get(path(key)).content.decode().count("2 used, 3 left") == 1, "looking takes no token"


def test_unlimited_key_has_no_bar(admin: Client, service: ConfigService) -> None:
    key = service.issue({"label": "one", "rate_limit": None}).key
    assert bucket_state(key, look_at(key, default_limiter())) is None
    assert "<meter" not in admin.get(path(key)).content.decode()


def test_page_opens_while_the_store_is_down(
    admin: Client, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = service.issue({"label": "one"}).key
    assert bucket_state(key, look_at(key, default_limiter())) == BucketState(60, 60, 0)

    def down(*_: object) -> None:
        raise BucketStoreError("down")

    monkeypatch.setattr(type(default_limiter().store), "peek", down)
    page = admin.get(path(key)).content.decode()
    assert "<meter" not in page
    assert "1 per second, burst 60" in page


def test_page_shows_metadata(admin: Client, service: ConfigService) -> None:
    metadata = {"team": "ops <b>", "regions": ["eu", 2], "paid": True, "items": "one of dict's own names"}
    page = admin.get(path(service.issue({"label": "one", "metadata": metadata}).key)).content.decode()
    for name, text in (
        ("team", "ops &lt;b&gt;"),
        ("regions", "[&quot;eu&quot;, 2]"),
        ("paid", "true"),
        ("items", "one of dict&#x27;s own names"),
    ):
        assert f"<dt>{name}</dt><dd>{text}</dd>" in page


def test_page_shows_usage_by_unit(admin: Client, service: ConfigService) -> None:
    key = service.issue({"label": "one"}).key
    assert "Other units" not in admin.get(path(key)).content.decode()
    hour = step_start(UsageStep.HOUR, timezone.now())
    for start, charged, returned in ((hour, 1_200_000, 40_000), (hour - timedelta(hours=1), 5, 1)):
        UnitUsage.objects.create(key=key, step="hour", start=start, unit="tokens", charged=charged, returned=returned)
    page = admin.get(path(key)).content.decode()
    assert "<caption>Other units in the last 24 hours</caption>" in page
    row = re.search(r'<th scope="row"><code>tokens</code></th>.*?</tr>', page)
    assert row is not None
    assert re.findall(r'class="number">([^<]*)', row[0]) == ["1,200,005", "40,001", "1,160,004"]


def test_form_is_closed_until_it_is_needed(admin: Client, service: ConfigService) -> None:
    key = service.issue({"label": "one"}).key
    assert '<details class="card" id="edit">' in admin.get(path(key)).content.decode()
    rejected = admin.post(path(key), {"label": "", "known_epoch": "1"}).content.decode()
    assert '<details class="card" id="edit" open>' in rejected


def test_page_takes_few_queries(
    admin: Client, service: ConfigService, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With everything that a page can show. The number of guard rails makes no difference."""
    key = service.issue({"label": "one", "rate_limit": None}).key
    service.rotate(key.key_id)
    page = admin.get(path(key)).content.decode()
    assert "Rotation in progress" in page
    assert "unlimited_key" in page
    with django_assert_max_num_queries(MOST_QUERIES) as taken:
        admin.get(path(key))
    monkeypatch.setattr(key_violations, "_RAILS", key_violations._RAILS[:1])
    with CaptureQueriesContext(connection) as alone:
        admin.get(path(key))
    assert len(taken) == len(alone)


def test_page_looks_at_the_bucket_once(admin: Client, service: ConfigService, monkeypatch: pytest.MonkeyPatch) -> None:
    key = service.issue({"label": "one"}).key
    service.rotate(key.key_id)
    store, looks = type(default_limiter().store), list[bytes]()
    peek = store.peek

    def counted(self: Any, key_id: bytes) -> Any:
        looks.append(key_id)
        return peek(self, key_id)

    monkeypatch.setattr(store, "peek", counted)
    assert "Rotation in progress" in admin.get(path(key)).content.decode()
    assert looks == [key.key_id.encode()]
