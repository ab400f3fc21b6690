"""Fixtures of tests of reservations."""

import pytest

from apikeys.config_service import ConfigService
from apikeys.policies.service import PolicyService
from events.origin import Origin
from tests.conftest import Caller


@pytest.fixture
def policies(db: None) -> PolicyService:
    return PolicyService(Origin("command:test", "request-of-test"))


@pytest.fixture
def gateway(service: ConfigService) -> Caller:
    """A client with the key of a service."""
    return Caller(service.issue({"label": "service", "scopes": ["verify"], "rate_limit": None}).credential.reveal())
