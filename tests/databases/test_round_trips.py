"""How often a change waits for the database, which may be far away, and how often while it holds the event log: then
all other changes, on all nodes, wait for it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from apikeys.cache.key_cache import default_key_cache
from events.models import Event
from tests.conftest import Caller
from tests.support.wire import watched

MOST, MOST_HELD = 12, 3
LIMIT = {"burst": 5, "per_seconds": 60}
CHANGES: dict[str, Callable[[Caller, str], Any]] = {
    "issue": lambda api, _: api.post("/v1/keys", {"label": "one two", "owner": "x"}),
    "issue once": lambda api, _: api.post("/v1/keys", {"label": "x"}, HTTP_IDEMPOTENCY_KEY="name"),
    "issue unlimited": lambda api, _: api.post("/v1/keys", {"label": "x", "rate_limit": None}),
    "rename": lambda api, key: api.patch(key, {"label": "other", "owner": "y"}),
    "limit": lambda api, key: api.patch(key, {"rate_limit": LIMIT}),
    "change all": lambda api, key: api.patch(key, {"label": "z", "rate_limit": LIMIT, "enabled": False}),
    "same": lambda api, key: api.patch(key, {"enabled": True}, HTTP_IF_MATCH='"2"'),
    "rotate": lambda api, key: api.post(f"{key}/rotate", {"grace_seconds": 60}),
    "rotate without grace": lambda api, key: api.post(f"{key}/rotate", {"grace_seconds": 0}),
    "finish": lambda api, key: api.post(f"{key}/rotate/finish", {}),
    "revoke": lambda api, key: api.delete(key),
    "waiver": lambda api, key: api.post("/v1/waivers", _waiver(key)),
    "webhook": lambda api, _: api.post("/v1/webhooks", {"url": "https://example.com/hook"}),
}
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite is not far away"),
]


def _waiver(key: str) -> dict[str, object]:
    ends_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    key_id = key.rpartition("/")[2]
    return {"guard_rail": "unlimited_key", "key_id": key_id, "reason": "x", "ends_at": ends_at}


@pytest.fixture
def key(api: Caller) -> str:
    """The path of a key whose secret is being rotated, and because of which an incident is open."""
    key_id = api.post("/v1/keys", {"label": "x", "rate_limit": None}).json()["key_id"]
    path = f"/v1/keys/{key_id}"
    assert api.post(f"{path}/rotate", {}).status_code == 200
    return path


@pytest.mark.parametrize("is_known", [True, False], ids=["known caller", "unknown caller"])
@pytest.mark.parametrize("name", CHANGES)
def test_change_takes_few_round_trips(name: str, is_known: bool, api: Caller, key: str) -> None:
    if name == "rotate":
        api.post(f"{key}/rotate/finish", {})
    before = Event.objects.count()
    if not is_known:
        default_key_cache().clear()
    with watched() as wire:
        response = CHANGES[name](api, key)
    assert response.status_code < 300, response.content
    assert 4 <= len(wire.sent) <= MOST, wire.sent
    held = wire.held
    assert len(held) <= MOST_HELD, held
    assert bool(held) is (Event.objects.count() > before) is (name != "same"), "what holds the log was seen"
