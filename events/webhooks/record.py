"""What came of each attempt, written to the endpoint's row."""

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from events.origin import Origin
from events.types import EventType
from events.webhooks.assignment import Assignment
from events.webhooks.backoff import is_dead, wait_after
from events.webhooks.change_events import tell
from events.webhooks.metrics import Counted
from events.webhooks.models import DisabledReason, WebhookEndpoint
from events.webhooks.outcome import Outcome
from latchkey.request_id import new_request_id
from latchkey.timestamps import rfc3339

log = structlog.get_logger(__name__)


def record(assignment: Assignment, outcome: Outcome, now: datetime, jitter: float) -> Counted:
    """Writes what came of an attempt; returns as what it counts.

    The cursor moves only from where it was when the event was read, and a failure counts only where the endpoint was
    not changed meanwhile.
    """
    endpoint, event = assignment.endpoint, assignment.event
    if event is None:
        return _record_test(endpoint, outcome, now)
    if not outcome.delivered:
        return _record_failure(endpoint, outcome, now, jitter)
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
    answered.update(test_requested_at=None)  # one that was requested since stays to be sent
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
    """The endpoint's row, where it still is as it was when the attempt began."""
    return WebhookEndpoint.objects.filter(
        pk=endpoint.pk,
        enabled=True,
        revision=endpoint.revision,
        failures=endpoint.failures,
        delivered_through=endpoint.delivered_through,
    )
