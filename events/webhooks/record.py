"""Delivery records: the outcome of every attempt, written to the endpoint's row."""

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from events.origin import Origin
from events.types import EventType
from events.webhooks.backoff import is_dead, wait_after
from events.webhooks.change_events import tell
from events.webhooks.metrics import Counted
from events.webhooks.models import DisabledReason, WebhookEndpoint
from events.webhooks.next_delivery import Assignment
from events.webhooks.outcome import Outcome
from latchkey.request_id import new_request_id
from latchkey.timestamps import rfc3339

log = structlog.get_logger(__name__)


def record(assignment: Assignment, outcome: Outcome, now: datetime, jitter: float) -> Counted:
    """Save the outcome of an attempt. Return how it counts in the metrics."""
    endpoint, event = assignment.endpoint, assignment.event
    if event is None:
        return _record_test(endpoint, outcome, now)
    if not outcome.delivered:
        return _record_failure(endpoint, outcome, now, jitter)
    # Race condition: another process may have moved the cursor. It only moves from where it was when the event was
    # read.
    WebhookEndpoint.objects.filter(pk=endpoint.pk, delivered_through=endpoint.delivered_through).update(
        delivered_through=event.id,
        failures=0,
        failing_since=None,
        next_attempt_at=None,
        last_attempt_at=now,
        last_status=outcome.status,
        last_error="",
    )
    return Counted.DELIVERED


def _record_test(endpoint: WebhookEndpoint, outcome: Outcome, now: datetime) -> Counted:
    result = {"at": rfc3339(now), "status": outcome.status, "error": outcome.error}
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(last_test=result, tested_at=now)
    answered = WebhookEndpoint.objects.filter(pk=endpoint.pk, test_requested_at=endpoint.test_requested_at)
    # A test that was requested meanwhile stays requested.
    answered.update(test_requested_at=None)
    return Counted.TEST_DELIVERED if outcome.delivered else Counted.TEST_FAILED


def _record_failure(endpoint: WebhookEndpoint, outcome: Outcome, now: datetime, jitter: float) -> Counted:
    failures = endpoint.failures + 1
    failing_since = endpoint.failing_since or now
    values: dict[str, object] = {
        "failures": failures,
        "failing_since": failing_since,
        "next_attempt_at": now + wait_after(failures, jitter, outcome.retry_after_seconds),
        "last_attempt_at": now,
        "last_status": outcome.status,
        "last_error": outcome.error,
    }
    log.warning("webhook_failed", webhook_id=endpoint.endpoint_id, error=outcome.error, failures=failures)
    if outcome.gone or is_dead(failures, failing_since, now):
        _give_up(endpoint, DisabledReason.GONE if outcome.gone else DisabledReason.DEAD, values, now)
        return Counted.DISABLED
    _unchanged(endpoint).update(**values)
    return Counted.REFUSED if outcome.refused else Counted.FAILED


def _give_up(endpoint: WebhookEndpoint, reason: DisabledReason, values: dict[str, object], now: datetime) -> None:
    final = {**values, "next_attempt_at": None, "enabled": False, "disabled_reason": reason.value}
    final["revision"] = F("revision") + 1
    with transaction.atomic():
        if not _unchanged(endpoint).update(**final):
            return
        told = {"reason": reason.value, "last_error": values["last_error"], "failures": values["failures"]}
        tell(EventType.WEBHOOK_DISABLED, endpoint, Origin("system", new_request_id()), now, told)
    log.error("webhook_disabled", webhook_id=endpoint.endpoint_id, reason=reason.value, error=values["last_error"])


def _unchanged(endpoint: WebhookEndpoint) -> QuerySet[WebhookEndpoint]:
    """Return the endpoint's row if it has not changed since the attempt started. Otherwise a failure doesn't count."""
    return WebhookEndpoint.objects.filter(
        pk=endpoint.pk,
        enabled=True,
        revision=endpoint.revision,
        failures=endpoint.failures,
        delivered_through=endpoint.delivered_through,
    )
