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
from apikeys.callers.rows import prune_callers
from apikeys.config_service import ConfigService
from apikeys.idempotency import prune_idempotency_records
from apikeys.key_counts import count_keys
from apikeys.peppers import configured_peppers
from apikeys.policies.policy_change import publish_last_number
from apikeys.policies.quota_retention import QuotaRetention
from apikeys.policies.quota_upkeep import append_quota_events, lift_store
from apikeys.system_keys import revoke_unused_system_keys
from apikeys.usage.high_water_marks import prune_marks
from apikeys.usage.idle_counters import forget_idle_counters
from apikeys.usage.ranking import rank_usage_if_due
from apikeys.usage.retention import prune_usage
from apikeys.usage.rollup import UsageRollup
from events import log as event_log
from events.chain_verification import Break
from events.checkpoints import prune
from events.integrity_scan import scan_next_batch
from events.lock_timeout import record_lock_timeout
from events.models import Event
from events.origin import Origin
from events.webhooks.attempt_log import prune_attempts
from events.webhooks.next_delivery import first_undelivered
from health.failure_bursts import record_failure_bursts
from health.guard_rails import GUARD_RAILS
from health.incidents import sweep
from health.node import write_ahead_log
from health.node.outages import delete_expired_outages
from health.waivers import Waivers
from ratelimit.limiter import Limiter

# In runs of the steward, of which there is one every 5 seconds.
EVERY_MINUTE: Final = 12
EVERY_HOUR: Final = 720
MAX_CLOCK_SKEW: Final = timedelta(minutes=5)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its time, the request ID of its events and log lines, and whether to continue.

    `should_continue` is called between the batches of long work. It keeps the lease, lets others write, and returns
    False if the lease is lost.
    """

    now: datetime
    request_id: str
    should_continue: Callable[[], bool] = lambda: True

    @property
    def origin(self) -> Origin:
        """Return the origin of events that this run appends: the system itself."""
        return Origin.of_system(self.request_id)


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is done every `every_runs` runs."""

    name: str
    run: Callable[[Run], object]
    every_runs: int = 1


def tasks(limiter: Limiter) -> tuple[Task, ...]:
    """Return all of the steward's tasks in order: those that lose something if they are late come first."""
    rollup = UsageRollup(limiter.store)
    quotas = QuotaRetention(limiter)
    return (
        Task("publish_epochs", lambda run: publish_recent_epochs(limiter, run.now, run.should_continue)),
        Task("publish_policies", lambda _run: publish_last_number(limiter)),
        Task("lift_store", lambda run: lift_store(limiter, run.now, run.should_continue), EVERY_MINUTE),
        Task("write_usage", lambda run: rollup.write_if_due(run.should_continue)),
        Task("append_expiry_events", _append_expiry_events),
        Task(
            "append_quota_events",
            lambda run: append_quota_events(run.origin, run.now, run.should_continue),
            EVERY_MINUTE,
        ),
        Task("record_failure_bursts", lambda run: record_failure_bursts(limiter, now=run.now, origin=run.origin)),
        Task("end_waivers", lambda run: Waivers(run.origin, now=lambda: run.now).end_due()),
        Task("delete_expired_outages", lambda _run: delete_expired_outages()),
        Task("probe_write", lambda _run: _probe_write()),
        Task("sweep", lambda run: _sweep(run, every_run=True)),
        Task("truncate_wal", lambda _run: write_ahead_log.truncate(), EVERY_MINUTE),
        Task("sweep_slow", lambda run: _sweep(run, every_run=False), EVERY_MINUTE),
        Task("integrity_scan", lambda run: scan_next_batch(configured_peppers(), now=run.now)),
        Task("tidy_store", lambda _run: limiter.store.clean_up()),
        Task("forget_reservations", lambda run: limiter.forget_ended_reservations(run.should_continue)),
        Task("forget_addresses", lambda _run: limiter.forget_idle_addresses(failure_limit()), EVERY_MINUTE),
        Task("count_keys", lambda run: count_keys(run.now), EVERY_MINUTE),
        Task("rank_usage", lambda run: rank_usage_if_due(run.now, run.should_continue), EVERY_MINUTE),
        Task("revoke_unused_system_keys", _revoke_unused_system_keys, EVERY_HOUR),
        Task("forget_usage", lambda run: prune_usage(run.now, run.should_continue), EVERY_MINUTE),
        Task("forget_callers", lambda run: prune_callers(run.now, run.should_continue), EVERY_HOUR),
        Task("forget_counters", lambda run: forget_idle_counters(limiter.store, run.should_continue), EVERY_HOUR),
        Task("forget_quotas", lambda run: quotas.prune(run.now, run.should_continue), EVERY_HOUR),
        Task("forget_gone_stores", lambda run: prune_marks(run.should_continue), EVERY_HOUR),
        Task("forget_old_requests", lambda run: prune_idempotency_records(run.now, run.should_continue), EVERY_HOUR),
        Task("forget_old_deliveries", lambda run: prune_attempts(run.now), EVERY_HOUR),
        Task("prune_events", _prune_events, EVERY_HOUR),
    )


def _probe_write() -> None:
    """Find out whether changes are possible, even if there are none."""
    try:
        with transaction.atomic():
            event_log.lock_log()
    except OperationalError as error:
        # If another session holds the lock, `unwritable_database` reports it. Only other errors fail the task.
        if not record_lock_timeout(error):
            raise


def _append_expiry_events(run: Run) -> None:
    ConfigService(run.origin, now=lambda: run.now).append_expiry_events(run.should_continue)


def _revoke_unused_system_keys(run: Run) -> None:
    revoke_unused_system_keys(ConfigService(run.origin, now=lambda: run.now), run.now)


def _sweep(run: Run, *, every_run: bool) -> None:
    rails = [rail for rail in GUARD_RAILS if rail.every_run is every_run]
    sweep(rails, now=run.now, request_id=run.request_id)


def _prune_events(run: Run) -> None:
    before = run.now - settings.EVENT_RETENTION
    ahead = Event.objects.filter(at__gt=run.now + MAX_CLOCK_SKEW).order_by("id").values_list("id", flat=True).first()
    if ahead is not None:
        # These events and all that follow stay until that time is over.
        log.warning("events_dated_ahead", event_id=ahead)
    found = prune(
        before,
        keep_from=first_undelivered(),
        peppers=configured_peppers(),
        now=run.now,
        should_continue=run.should_continue,
    )
    if isinstance(found, Break):
        log.error("events_not_pruned", event_id=found.event_id, reason=found.reason)
    elif found:
        log.info("events_pruned", events=found)
