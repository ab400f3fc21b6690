"""Tasks of the steward: what is done, and in which of its runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import OperationalError, transaction

from apikeys.address_limit import failure_limit
from apikeys.cache.epochs import publish_recent_epochs
from apikeys.config_service import ConfigService
from apikeys.idempotency import forget_old_requests
from apikeys.key_counts import take_census
from apikeys.peppers import configured_peppers
from apikeys.system_keys import revoke_unused_system_keys
from apikeys.usage.high_water_marks import forget_gone_stores
from apikeys.usage.rollup import UsageLedger, forget_old_usage
from events import log as event_log
from events.chain_verification import Break
from events.checkpoints import prune
from events.integrity_scan import scan_next_batch
from events.lock_timeout import record_lock_timeout
from events.models import Event
from events.origin import Origin
from events.webhooks.next_delivery import first_undelivered
from health.failure_bursts import note_failure_bursts
from health.guard_rails import GUARD_RAILS
from health.incidents import sweep
from health.node import write_ahead_log
from health.node.outages import forget_lapsed_outages
from health.waivers import Waivers
from ratelimit.limiter import Limiter

# In runs of the steward, of which there is one every 5 seconds.
EACH_MINUTE: Final = 12
EACH_HOUR: Final = 720
CLOCKS_DIFFER: Final = timedelta(minutes=5)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """One run: its time, the request ID of its events and log lines, and whether to continue.

    `go_on` is called between the batches of long work. It keeps the lease, lets others write, and returns False if
    the lease is lost.
    """

    now: datetime
    request_id: str
    go_on: Callable[[], bool] = lambda: True

    @property
    def origin(self) -> Origin:
        """Return the origin of events that this run appends: the system itself."""
        return Origin.of_system(self.request_id)


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is done every `every_turns` runs."""

    name: str
    run: Callable[[Turn], object]
    every_turns: int = 1


def tasks(limiter: Limiter) -> tuple[Task, ...]:
    """Return all of the steward's tasks in order: those that lose something if they are late come first."""
    ledger = UsageLedger(limiter.store)
    return (
        Task("publish_epochs", lambda turn: publish_recent_epochs(limiter, turn.now, turn.go_on)),
        Task("write_usage_down", lambda turn: ledger.write_down(turn.go_on)),
        Task("tell_expiries", _tell_expiries),
        Task("note_failure_bursts", lambda turn: note_failure_bursts(limiter, now=turn.now, origin=turn.origin)),
        Task("end_waivers", lambda turn: Waivers(turn.origin, now=lambda: turn.now).end_due()),
        Task("forget_lapsed_outages", lambda _turn: forget_lapsed_outages()),
        Task("try_a_change", lambda _turn: _try_a_change()),
        Task("sweep", lambda turn: _sweep(turn, every_turn=True)),
        Task("shorten_wal", lambda _turn: write_ahead_log.shorten(), EACH_MINUTE),
        Task("sweep_slow", lambda turn: _sweep(turn, every_turn=False), EACH_MINUTE),
        Task("patrol", lambda turn: scan_next_batch(configured_peppers(), now=turn.now)),
        Task("tidy_store", lambda _turn: limiter.store.clean_up()),
        Task("forget_addresses", lambda _turn: limiter.forget_idle_addresses(failure_limit()), EACH_MINUTE),
        Task("census", lambda turn: take_census(turn.now), EACH_MINUTE),
        Task("revoke_unused_system_keys", _revoke_unused_system_keys, EACH_HOUR),
        Task("forget_usage", lambda turn: forget_old_usage(turn.now, turn.go_on), EACH_HOUR),
        Task("forget_gone_stores", lambda turn: forget_gone_stores(turn.go_on), EACH_HOUR),
        Task("forget_old_requests", lambda turn: forget_old_requests(turn.now, turn.go_on), EACH_HOUR),
        Task("prune_events", _prune_events, EACH_HOUR),
    )


def _try_a_change() -> None:
    """Find out whether changes are possible, even if there are none."""
    try:
        with transaction.atomic():
            event_log.lock_log()
    except OperationalError as error:
        # If another session holds the lock, `unwritable_database` reports it. Only other errors fail the task.
        if not record_lock_timeout(error):
            raise


def _tell_expiries(turn: Turn) -> None:
    ConfigService(turn.origin, now=lambda: turn.now).append_expiry_events(turn.go_on)


def _revoke_unused_system_keys(turn: Turn) -> None:
    revoke_unused_system_keys(ConfigService(turn.origin, now=lambda: turn.now), turn.now)


def _sweep(turn: Turn, *, every_turn: bool) -> None:
    rails = [rail for rail in GUARD_RAILS if rail.every_turn is every_turn]
    sweep(rails, now=turn.now, request_id=turn.request_id)


def _prune_events(turn: Turn) -> None:
    before = turn.now - settings.EVENT_RETENTION
    ahead = Event.objects.filter(at__gt=turn.now + CLOCKS_DIFFER).order_by("id").values_list("id", flat=True).first()
    if ahead is not None:
        # These events and all that follow stay until that time is over.
        log.warning("events_dated_ahead", event_id=ahead)
    found = prune(
        before, keep_from=first_undelivered(), peppers=configured_peppers(), now=turn.now, should_continue=turn.go_on
    )
    if isinstance(found, Break):
        log.error("events_not_pruned", event_id=found.event_id, reason=found.reason)
    elif found:
        log.info("events_pruned", events=found)
