"""A server of Latchkey, and keys on it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha512
from typing import Any

import pytest

from latchkey import Client
from latchkey.client.rate_limit import RateLimit
from latchkey.credentials import Credential, ImportedToken, generate_secret
from tests.clients.go.apps import GO
from tests.clients.node.apps import NODE
from tests.latchkey.integrations.apps import SCOPE
from tests.support.server import RunningServer, issue
from tests.support.waiting import wait_until

PLENTY = RateLimit(100_000, 1)


@dataclass(frozen=True)
class Keys:
    """Issues keys. `service` is the credential of the service's own key."""

    url: str
    client: Client
    service: str
    expired: list[Credential] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def new(self, **values: Any) -> Credential:
        """A key with the scope and a limit that isn't reached, unless `values` say otherwise."""
        known = {"owner": "shop", "scopes": [SCOPE], "rate_limit": PLENTY, "metadata": {"team": 7}}
        return self.client.keys.create("orders client", **{**known, **values}).credential

    def options(self, **options: Any) -> dict[str, Any]:
        """The settings of an integration, with those in `options`."""
        return {"url": self.url, "api_key": self.service, "public_url": "https://keys.example", **options}

    def disabled(self) -> Credential:
        key = self.new()
        self.client.keys.disable(key.key_id)
        return key

    def revoked(self) -> Credential:
        key = self.new()
        self.client.keys.revoke(key.key_id)
        return key

    def imported(self) -> str:
        """The token of a key that was imported from djangorestframework-api-key: the same one each time."""
        if self.tokens:
            return self.tokens[0]
        token = f"{generate_secret()[4:12]}.{generate_secret()[4:36]}"
        source = {"name": "drf", "hash": "sha512", "alphabet": "base62+.", "min_length": 41}
        values = {"label": "orders client", "owner": "shop", "scopes": [SCOPE], "rate_limit": PLENTY.as_json()}
        found = self.client.keys.import_batch(source, [{"digest": sha512(token.encode()).hexdigest(), **values}])
        assert (found.imported, found.errors) == (1, [])
        # A server knows a new source with the first use of one of its tokens, but soon at most.
        wait_until(lambda: self.client.verify(ImportedToken.of(token)).valid, "an imported key")
        self.tokens.append(token)
        return token

    def wrong(self) -> Credential:
        return Credential(self.new().key_id, generate_secret())


@pytest.fixture(scope="package")
def keys(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[Keys]:
    settings = {"AUTH_FAILURE_LIMIT": '{"burst": 100000, "per_seconds": 1}'}
    server = RunningServer(tmp_path_factory.mktemp("server"), workers=1, settings=settings)
    server.migrate()
    server.start()
    plenty = ("--burst", "100000", "--per-seconds", "1")
    root = issue(server, "--label", "root", "--scope", "*", *plenty)["credential"]
    service = issue(server, "--label", "service", "--scope", "verify", *plenty)["credential"]
    with Client(server.url, root) as client:
        keys = Keys(server.url, client, service)
        keys.expired.append(keys.new(expires_at=datetime.now(UTC) + timedelta(seconds=2)))
        wait_until(lambda: client.verify(keys.expired[0]).code == "EXPIRED", "the end of a key")
        yield keys
    server.stop()


@pytest.fixture(scope="session", autouse=True)
def programs() -> Iterator[None]:
    """Ends the processes that serve the apps of Node.js and Go, if a test started them."""
    yield
    NODE.stop()
    GO.stop()
