"""The steward's tasks: what is done, and in which of its turns."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from django.conf import settings

from apikeys.census import take_census
from apikeys.config_service import ConfigService
from apikeys.gate import failure_limit
from apikeys.peppers import configured_peppers
from apikeys.usage import UsageLedger, forget_old_usage
from events.continuity import Break
from events.origin import Origin
from events.patrol import patrol
from events.seals import prune
from events.webhooks.assignment import first_undelivered
from health.failure_bursts import note_failure_bursts
from health.guard_rails import GUARD_RAILS
from health.incidents import sweep
from health.waivers import Waivers
from ratelimit.limiter import Limiter

EACH_MINUTE: Final = 12
EACH_HOUR: Final = 720

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is done at a time and under the request id that its events and log lines bear."""

    name: str
    run: Callable[[datetime, str], object]
    every_turns: int = 1


def tasks(limiter: Limiter) -> tuple[Task, ...]:
    """All of the steward's tasks, in their order: what is lost when it is late comes first."""
    ledger = UsageLedger(limiter.store)
    return (
        Task("write_usage_down", lambda _now, _request_id: ledger.write_down()),
        Task("tell_expiries", lambda now, request_id: _service(now, request_id).tell_expiries()),
        Task("note_failure_bursts", lambda now, request_id: _note_bursts(limiter, now, request_id)),
        Task("end_waivers", lambda now, request_id: Waivers(_system(request_id), now=lambda: now).end_due()),
        Task("sweep", _sweep_quick),
        Task("sweep_slow", _sweep_slow, EACH_MINUTE),
        Task("patrol", lambda now, _request_id: patrol(configured_peppers(), now=now)),
        Task("tidy_store", lambda _now, _request_id: limiter.store.tidy()),
        Task("forget_addresses", lambda _now, _request_id: limiter.forget_idle_addresses(failure_limit()), EACH_MINUTE),
        Task("census", lambda now, _request_id: take_census(now), EACH_MINUTE),
        Task("forget_usage", lambda now, _request_id: forget_old_usage(now), EACH_HOUR),
        Task("prune_events", lambda now, _request_id: _prune_events(now), EACH_HOUR),
    )


def _system(request_id: str) -> Origin:
    return Origin.of_system(request_id)


def _service(now: datetime, request_id: str) -> ConfigService:
    return ConfigService(_system(request_id), now=lambda: now)


def _note_bursts(limiter: Limiter, now: datetime, request_id: str) -> None:
    note_failure_bursts(limiter, now=now, origin=_system(request_id))


def _sweep_quick(now: datetime, request_id: str) -> None:
    sweep((rail for rail in GUARD_RAILS if rail.every_turn), now=now, request_id=request_id)


def _sweep_slow(now: datetime, request_id: str) -> None:
    sweep((rail for rail in GUARD_RAILS if not rail.every_turn), now=now, request_id=request_id)


def _prune_events(now: datetime) -> None:
    before = now - settings.EVENT_RETENTION
    found = prune(before, keep_from=first_undelivered(), peppers=configured_peppers(), now=now)
    if isinstance(found, Break):
        log.error("events_not_pruned", event_id=found.event_id, reason=found.reason)
    elif found:
        log.info("events_pruned", events=found)
