"""What every integration does with a request: one table for all of them."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from latchkey import headers
from latchkey.client.rate_limit import RateLimit
from tests.latchkey.integrations.conftest import Keys

Send = Callable[[Keys], Mapping[str, str]]


def key(credential: str) -> dict[str, str]:
    return {headers.API_KEY: credential}


def basic(credential: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(credential.encode()).decode()}


def forged(keys: Keys) -> Mapping[str, str]:
    """What a proxy sends that has checked a request."""
    identity = (keys.new().key_id, "shop%C3%A9", "orders:read keys:read")
    return dict(zip(headers.LATCHKEY_IDENTITY, identity, strict=True))


@dataclass(frozen=True)
class Case:
    """A request, and the response to it: its status, its problem, and fields that it has with their values."""

    name: str
    send: Send
    status: int
    problem: str | None = None
    path: str = "/orders"
    fields: Mapping[str, str] | None = None
    has_limit: bool = False


CHALLENGE: Final = {"WWW-Authenticate": headers.CHALLENGE}
LIMITED: Final = RateLimit(10, 3600)

CASES: Final = [
    Case("no credential", lambda keys: {}, 401, "missing-credential", fields=CHALLENGE),
    Case("foreign scheme", lambda keys: {"Authorization": "Digest x"}, 401, "missing-credential", fields=CHALLENGE),
    Case("malformed", lambda keys: key("lk_x:lks_y"), 401, "malformed-credential", fields=CHALLENGE),
    Case("malformed basic", lambda keys: {"Authorization": "Basic ?"}, 401, "malformed-credential", fields=CHALLENGE),
    Case("wrong secret", lambda keys: key(keys.wrong().reveal()), 401, "invalid-credential", fields=CHALLENGE),
    Case("disabled", lambda keys: key(keys.disabled().reveal()), 401, "disabled-key", fields=CHALLENGE),
    Case("expired", lambda keys: key(keys.expired[0].reveal()), 401, "expired-key", fields=CHALLENGE),
    Case("revoked", lambda keys: key(keys.revoked().reveal()), 401, "revoked-key", fields=CHALLENGE),
    Case(
        "two that differ",
        lambda keys: key(keys.new().reveal()) | {"Authorization": f"Bearer {keys.new().reveal()}"},
        400,
        "ambiguous-credential",
    ),
    Case("no scope", lambda keys: key(keys.new(scopes=["a:b"]).reveal()), 403, "insufficient-scope", has_limit=True),
    Case(
        "cost above the burst",
        lambda keys: key(keys.new(rate_limit=RateLimit(4, 60)).reveal()),
        403,
        "limit-too-small",
        path="/exports",
    ),
    Case("X-API-Key", lambda keys: key(keys.new().reveal()), 200, has_limit=True),
    Case("Bearer", lambda keys: {"Authorization": f"Bearer {keys.new().reveal()}"}, 200, has_limit=True),
    Case("Basic", lambda keys: basic(keys.new().reveal()), 200, has_limit=True),
    Case(
        "the same twice",
        lambda keys: (lambda same: key(same) | basic(same))(keys.new().reveal()),
        200,
        has_limit=True,
    ),
    Case("wildcard scope", lambda keys: key(keys.new(scopes=["orders:*"]).reveal()), 200, has_limit=True),
    Case(
        "fields of the limit",
        lambda keys: key(keys.new(rate_limit=LIMITED).reveal()),
        200,
        fields={
            headers.RATE_LIMIT_POLICY: '"key";q=10;w=3600',
            headers.RATE_LIMIT: '"key";r=9;t=360',
            headers.X_RATE_LIMIT_LIMIT: "10",
            headers.X_RATE_LIMIT_REMAINING: "9",
            headers.X_RATE_LIMIT_RESET: "360",
        },
        has_limit=True,
    ),
    Case(
        "cost of a route",
        lambda keys: key(keys.new(rate_limit=LIMITED).reveal()),
        200,
        path="/exports",
        fields={headers.RATE_LIMIT: '"key";r=5;t=360'},
        has_limit=True,
    ),
    Case("unlimited key", lambda keys: key(keys.new(rate_limit=None).reveal()), 200),
    Case("an error of the service", lambda keys: key(keys.new().reveal()), 404, path="/gone", has_limit=True),
    Case("an error of the service, no key", lambda keys: {}, 401, "missing-credential", path="/gone"),
    Case("public", lambda keys: {}, 200, path="/health"),
    Case("forged identity", forged, 401, "missing-credential", fields=CHALLENGE),
]
