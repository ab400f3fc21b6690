"""What the tests of webhooks share: a clock, a log to fill, receivers, and the dispatcher."""

import asyncio
import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from pytest_django import Settings

from apikeys.peppers import configured_peppers
from events.log import append
from events.models import Event
from events.origin import Origin
from events.types import EventType
from events.webhooks.dispatcher import Dispatcher
from events.webhooks.service import WebhookService
from tests.events.webhooks.receiver import Receiver, receiving

ORIGIN = Origin("command:test", "request-of-test")


class Now:
    """A clock that stands until it is moved; it starts at the real time, which verifiers of signatures compare."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.moment

    def elapsed(self) -> float:
        """Return the same in seconds, for code that needs a monotonic clock."""
        return self.moment.timestamp()

    def move(self, **span: float) -> None:
        self.moment += timedelta(**span)


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Settings) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def other_receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def endpoints(now: Now) -> WebhookService:
    return WebhookService(ORIGIN, configured_peppers(), now)


def add_event(type: EventType = EventType.KEY_UPDATED, **data: object) -> Event:
    with transaction.atomic():
        return append(type, origin=ORIGIN, at=datetime.now(UTC), key_id="lk_0123456789ab", data=data)


@pytest.fixture
def dispatcher(now: Now) -> Dispatcher:
    return Dispatcher(configured_peppers(), lambda: True, now=now, jitter=lambda: 1.0, clock=now.elapsed)


@pytest.fixture
def play(dispatcher: Dispatcher) -> Callable[[], None]:
    """Plays one round of the dispatcher to its end."""
    return lambda: asyncio.run(dispatcher.run_once())
