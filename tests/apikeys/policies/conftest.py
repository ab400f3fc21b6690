"""Fixtures of the tests of policies: a service with a clock that it shares with its store."""

from datetime import UTC, datetime

import pytest

from apikeys.config_service import ConfigService
from apikeys.policies.service import PolicyService
from events.origin import Origin
from ratelimit.limiter import Limiter
from ratelimit.stores import MemoryStore
from tests.conftest import Clock

ORIGIN = Origin("command:test", "request-of-test")


@pytest.fixture
def limiter(clock: Clock) -> Limiter:
    return Limiter(MemoryStore(clock))


@pytest.fixture
def policies_service(db: None, limiter: Limiter, clock: Clock) -> PolicyService:
    return PolicyService(ORIGIN, limiter=limiter, now=lambda: datetime.fromtimestamp(clock.seconds(), UTC))


@pytest.fixture
def keys(db: None, limiter: Limiter, clock: Clock) -> ConfigService:
    return ConfigService(ORIGIN, limiter=limiter, now=lambda: datetime.fromtimestamp(clock.seconds(), UTC))
