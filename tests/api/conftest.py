"""Fixtures for tests of plans over REST."""

import pytest

from apikeys.config_service import ConfigService
from tests.api.plans import MONTHLY, ONCE, RATE
from tests.conftest import Caller


@pytest.fixture
def acme(api: Caller) -> str:
    """The path of an owner with a plan."""
    assert api.post("/v1/plans", {"name": "team", "limits": [RATE, MONTHLY, ONCE]}).status_code == 201
    return str(api.post("/v1/owners", {"name": "ACME", "slug": "acme", "plan": "team"})["Location"])


@pytest.fixture
def acme_key(acme: str, service: ConfigService) -> Caller:
    """A client with a key of that owner and no scopes."""
    values = {"label": "x", "owner": "ACME", "rate_limit": {"burst": 60, "per_seconds": 2_678_400}}
    return Caller(service.issue(values).credential.reveal())
