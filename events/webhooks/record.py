"""Delivery records: the outcome of every attempt, written to the endpoint's row and to the attempt log."""

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from events.models import DisabledReason, WebhookEndpoint
from events.origin import Origin
from events.types import EventType
from events.webhooks.attempt import Attempt
from events.webhooks.attempt_log import log_attempt
from events.webhooks.backoff import is_dead, retry_delay
from events.webhooks.change_events import append_event
from events.webhooks.delivery_result import DeliveryResult
from events.webhooks.metrics import DeliveryOutcome
from events.webhooks.next_delivery import Delivery
from latchkey.request_id import new_request_id
from latchkey.timestamps import rfc3339

log = structlog.get_logger(__name__)


def record_attempt(delivery: Delivery, attempt: Attempt, now: datetime, jitter: float) -> DeliveryOutcome:
    """Save the outcome of an attempt. Return how it counts in the metrics."""
    # One transaction: the log agrees with the endpoint's progress, and there is only one commit to wait for. The row is
    # locked first, so that an endpoint which is removed meanwhile gets no entry.
    with transaction.atomic():
        exists = WebhookEndpoint.objects.select_for_update().filter(pk=delivery.endpoint.pk).exists()
        outcome, next_attempt_at = _record(delivery, attempt.result, now, jitter)
        if exists:
            log_attempt(delivery, attempt, next_attempt_at)
    return outcome


def _record(
    delivery: Delivery, result: DeliveryResult, now: datetime, jitter: float
) -> tuple[DeliveryOutcome, datetime | None]:
    """Update the endpoint. Return the outcome, and when the event is sent again."""
    endpoint, event = delivery.endpoint, delivery.event
    if delivery.resend:
        return _record_resend(endpoint, result, now), None
    if event is None:
        return _record_test(endpoint, result, now), None
    if not result.delivered:
        return _record_failure(endpoint, result, now, jitter)
    # Race condition: another process may have moved the cursor. It only moves from where it was when the event was
    # read.
    WebhookEndpoint.objects.filter(pk=endpoint.pk, delivered_through=endpoint.delivered_through).update(
        delivered_through=event.id,
        failures=0,
        failing_since=None,
        next_attempt_at=None,
        last_attempt_at=now,
        last_status=result.status,
        last_error="",
    )
    return DeliveryOutcome.DELIVERED, None


def _record_resend(endpoint: WebhookEndpoint, result: DeliveryResult, now: datetime) -> DeliveryOutcome:
    # Nothing else changes: a resend neither moves the cursor nor ends or begins a series of failures.
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(resent_at=now)
    return DeliveryOutcome.RESEND_DELIVERED if result.delivered else DeliveryOutcome.RESEND_FAILED


def _record_test(endpoint: WebhookEndpoint, result: DeliveryResult, now: datetime) -> DeliveryOutcome:
    last_test = {"at": rfc3339(now), "status": result.status, "error": result.error}
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(last_test=last_test, tested_at=now)
    tested = WebhookEndpoint.objects.filter(pk=endpoint.pk, test_requested_at=endpoint.test_requested_at)
    # A test that was requested meanwhile stays requested.
    tested.update(test_requested_at=None)
    return DeliveryOutcome.TEST_DELIVERED if result.delivered else DeliveryOutcome.TEST_FAILED


def _record_failure(
    endpoint: WebhookEndpoint, result: DeliveryResult, now: datetime, jitter: float
) -> tuple[DeliveryOutcome, datetime | None]:
    failures = endpoint.failures + 1
    failing_since = endpoint.failing_since or now
    next_attempt_at = now + retry_delay(failures, jitter, result.retry_after_seconds)
    values: dict[str, object] = {
        "failures": failures,
        "failing_since": failing_since,
        "next_attempt_at": next_attempt_at,
        "last_attempt_at": now,
        "last_status": result.status,
        "last_error": result.error,
    }
    log.warning("webhook_failed", webhook_id=endpoint.endpoint_id, error=result.error, failures=failures)
    if result.gone or is_dead(failures, failing_since, now):
        _give_up(endpoint, DisabledReason.GONE if result.gone else DisabledReason.DEAD, values, now)
        return DeliveryOutcome.DISABLED, None
    counts = _unchanged(endpoint).update(**values)
    outcome = DeliveryOutcome.REFUSED if result.refused else DeliveryOutcome.FAILED
    # If the endpoint was changed meanwhile, the event is sent again as soon as it is enabled.
    return outcome, next_attempt_at if counts else None


def _give_up(endpoint: WebhookEndpoint, reason: DisabledReason, values: dict[str, object], now: datetime) -> None:
    final = {**values, "next_attempt_at": None, "enabled": False, "disabled_reason": reason.value}
    final["revision"] = F("revision") + 1
    with transaction.atomic():
        if not _unchanged(endpoint).update(**final):
            return
        data = {"reason": reason.value, "last_error": values["last_error"], "failures": values["failures"]}
        append_event(EventType.WEBHOOK_DISABLED, endpoint, Origin("system", new_request_id()), now, data)
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
