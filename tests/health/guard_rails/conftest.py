"""Fixtures for the tests of guard rails."""

import pytest

from apikeys.config_service import ConfigService
from events.origin import Origin
from tests.health.guard_rails.findings import NOW


@pytest.fixture
def keys() -> ConfigService:
    return ConfigService(Origin("command:test", "r"), now=lambda: NOW)
