"""Fixtures of tests of /v1/check."""

import pytest

from apikeys.config_service import ConfigService, IssuedKey
from tests.gateway.endpoints import Ask, by_django, by_fast_path, natively

ENDPOINTS = {"django": by_django, "native": natively, "fast_path": by_fast_path}


@pytest.fixture(params=ENDPOINTS)
def ask(request: pytest.FixtureRequest) -> Ask:
    """One of the endpoints that serve /v1/check."""
    endpoint: Ask = ENDPOINTS[request.param]
    return endpoint


@pytest.fixture
def key(service: ConfigService) -> IssuedKey:
    return service.issue(
        {
            "label": "customer", "owner": "Zoë & co. 100%", "scopes": ["orders:*", "users:read"],
            "rate_limit": {"burst": 5, "per_seconds": 3600},
        }
    )  # fmt: skip
