"""Scopes: each call requires a key, and most require a scope."""

import pytest

from apikeys.config_service import ConfigService, IssuedKey
from events.models import Event
from ratelimit.stores import MemoryStore
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = [
    ("get", "/v1/keys", "keys:read"),
    ("post", "/v1/keys", "keys:write"),
    ("get", "/v1/keys/{}", "keys:read"),
    ("patch", "/v1/keys/{}", "keys:write"),
    ("delete", "/v1/keys/{}", "keys:write"),
    ("post", "/v1/keys/{}/rotate", "keys:write"),
    ("post", "/v1/keys/{}/rotate/finish", "keys:write"),
    ("get", "/v1/keys/{}/usage", "keys:read"),
    ("get", "/v1/keys/{}/callers", "keys:read"),
    ("get", "/v1/keys/{}/limits", "keys:read"),
    ("post", "/v1/keys/{}/limits/a/adjust", "keys:write"),
    ("get", "/v1/plans", "plans:read"),
    ("post", "/v1/plans", "plans:write"),
    ("get", "/v1/plans/a", "plans:read"),
    ("patch", "/v1/plans/a", "plans:write"),
    ("delete", "/v1/plans/a", "plans:write"),
    ("get", "/v1/owners", "owners:read"),
    ("post", "/v1/owners", "owners:write"),
    ("get", "/v1/owners/a", "owners:read"),
    ("patch", "/v1/owners/a", "owners:write"),
    ("delete", "/v1/owners/a", "owners:write"),
    ("get", "/v1/owners/a/limits", "owners:read"),
    ("post", "/v1/owners/a/limits/a/adjust", "owners:write"),
    ("get", "/v1/overrides", "keys:read"),
    ("get", "/v1/overrides?owner=a", "owners:read"),
    ("get", "/v1/overrides?key_id=lk_000000000000", "keys:read"),
    ("post", "/v1/overrides", "keys:write"),
    ("get", "/v1/events", "events:read"),
    ("get", "/health/full", "health:read"),
    ("get", "/metrics", "metrics:read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_call_requires_scope_and_denial_is_charged(
    service: ConfigService, store: MemoryStore, root: IssuedKey, method: str, path: str, scope: str
) -> None:
    others = sorted({scope for _, _, scope in CALLS} - {scope})
    issued = service.issue({"label": "x", "scopes": others})
    caller = Caller(issued.credential.reveal())
    response = getattr(caller, method)(path.format(root.key.key_id))
    assert response.status_code == 403
    assert response.json()["type"].endswith("/problems/insufficient-scope")
    assert scope in response.json()["detail"]
    assert store.peek(issued.key.key_id.encode()).allowed == 1
    assert response["X-RateLimit-Remaining"] == "59"
    assert not Event.objects.exclude(type="KeyIssued").exists()


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_call_requires_key(anonymous: Caller, method: str, path: str, scope: str) -> None:
    response = getattr(anonymous, method)(path.format("lk_000000000000"))
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="Latchkey"')
    assert response.json()["type"].endswith("/problems/missing-credential")
