"""Webhook service: the only writer of webhook configuration. Every change is validated and recorded as an event."""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from events.batched_sql import Rows, Statement, insert_statement, select_statement
from events.models import DisabledReason, Event, WebhookAttempt, WebhookEndpoint
from events.observers import AppendHooks
from events.origin import Origin
from events.types import EventType
from events.webhooks import validation
from events.webhooks.attempt_log import find_attempt
from events.webhooks.change_events import append_event, event_data
from events.webhooks.errors import WebhookRotationInProgress
from events.webhooks.lookup import lock_webhook
from events.webhooks.resends import request_resend
from events.webhooks.secret import IssuedWebhook, derive_key, new_salt, secret_text
from latchkey.credentials import KEY_ID_ALPHABET
from latchkey.peppers import Peppers
from latchkey.preconditions import check_state
from latchkey.problems import FieldError
from latchkey.rotation import DEFAULT_GRACE_SECONDS
from latchkey.timestamps import next_whole_second, rfc3339
from latchkey.validation import InvalidParameters, clean, without_unchanged

MAX_ENDPOINTS: Final = 50
_SECRET_FIELDS: Final = ("revision", "salt", "pepper_id", "retiring_salt", "retiring_pepper_id", "retiring_until")
_NO_FAILURE: Final = {"failures": 0, "failing_since": None, "next_attempt_at": None}


class WebhookService:
    """Service that changes webhooks on behalf of `origin`. A change and its event are one transaction.

    Values are decoded JSON. `expected` are the revisions that the caller's decision is based on; None accepts any.
    Every method raises InvalidParameters, WebhookNotFound, PreconditionFailed or WebhookRotationInProgress, and
    changes nothing then.
    """

    def __init__(
        self,
        origin: Origin,
        peppers: Peppers,
        now: Callable[[], datetime],
        expected: Collection[int] | None = None,
    ) -> None:
        self._origin = origin
        self._peppers = peppers
        self._now = now
        self._expected = expected

    def add(self, values: object) -> IssuedWebhook:
        """Create an endpoint. `values`: url (required), label, event_types (absent or empty: all), enabled.

        It receives events from now on, but not the event of its own creation.
        """
        now = self._now()
        cleaned = clean(values, validation.RULES, now, required=("url",))
        endpoint = WebhookEndpoint(endpoint_id=_new_id(), created_at=now, **cleaned)
        endpoint.disabled_reason = DisabledReason.NONE if endpoint.enabled else DisabledReason.OPERATOR
        with transaction.atomic():
            data = {name: getattr(endpoint, name) for name in ("url", "label", "event_types")}
            secret = self._new_secret(endpoint)
            # Appending locks the log: the new event's ID stays the last one, and no other endpoint is added meanwhile.
            others = select_statement(WebhookEndpoint.objects.order_by().values_list("pk"))
            hooks = AppendHooks([others], lambda events, found: _add(endpoint, events, found))
            append_event(EventType.WEBHOOK_ADDED, endpoint, self._origin, now, event_data(data), hooks)
        return IssuedWebhook(endpoint, secret)

    def update(self, endpoint_id: str, values: object) -> WebhookEndpoint:
        """Change any of url, label, event_types, enabled. Fields that have the value already cause no event.

        After a new url, or if the endpoint is enabled again, it is tried immediately. Delivery continues where it
        stopped.
        """
        now = self._now()
        with transaction.atomic():
            endpoint = self._locked(endpoint_id)
            current = {name: getattr(endpoint, name) for name in validation.RULES}
            cleaned = clean(without_unchanged(values, current), validation.RULES, now)
            changes = {name: value for name, value in cleaned.items() if getattr(endpoint, name) != value}
            if changes:
                before = {name: getattr(endpoint, name) for name in changes}
                _write(endpoint, {**changes, **_derived_changes(changes), "revision": endpoint.revision + 1})
                data = {"from": event_data(before), "to": event_data(changes)}
                append_event(EventType.WEBHOOK_UPDATED, endpoint, self._origin, now, data)
        return endpoint

    def rotate_secret(self, endpoint_id: str, values: object = None) -> IssuedWebhook:
        """Create a new secret. For `grace_seconds` (0 to 2592000, default one day) the old one also signs.

        Raise WebhookRotationInProgress if an older secret is still retiring, unless the grace is 0, which ends all
        older secrets immediately.
        """
        now = self._now()
        cleaned = clean({} if values is None else values, validation.ROTATE_RULES, now)
        grace = timedelta(seconds=int(str(cleaned.get("grace_seconds", DEFAULT_GRACE_SECONDS))))
        with transaction.atomic():
            endpoint = self._locked(endpoint_id)
            if grace and endpoint.retiring_until is not None and endpoint.retiring_until > now:
                raise WebhookRotationInProgress("An older secret of this webhook is still retiring.")
            endpoint.revision += 1
            endpoint.retiring_salt = endpoint.salt if grace else ""
            endpoint.retiring_pepper_id = endpoint.pepper_id if grace else ""
            endpoint.retiring_until = next_whole_second(now + grace) if grace else None
            secret = self._new_secret(endpoint)
            endpoint.save(update_fields=_SECRET_FIELDS)
            ends = {"retiring_secret_ends_at": rfc3339(endpoint.retiring_until or now)}
            append_event(EventType.WEBHOOK_SECRET_ROTATED, endpoint, self._origin, now, ends)
        return IssuedWebhook(endpoint, secret)

    def request_test(self, endpoint_id: str) -> WebhookEndpoint:
        """Request a test delivery, even if the endpoint is disabled or waiting. At most one test is pending."""
        now = self._now()
        with transaction.atomic():
            endpoint = self._locked(endpoint_id)
            if endpoint.test_requested_at is None:
                _write(endpoint, {"test_requested_at": now})
                append_event(EventType.WEBHOOK_TESTED, endpoint, self._origin, now, {})
        return endpoint

    def resend(self, endpoint_id: str, attempt_id: int) -> WebhookAttempt:
        """Request that the event of an attempt is sent again, even if the endpoint is disabled or waiting.

        Return the attempt that is to be made. If the same event is already pending, return that one. Raise
        DeliveryNotFound too. See `request_resend` for what is rejected.
        """
        now = self._now()
        with transaction.atomic():
            endpoint = self._locked(endpoint_id)
            resend, is_new = request_resend(find_attempt(endpoint, attempt_id), now)
            if is_new:
                data = {"event_id": resend.event_id, "delivery_id": resend.pk}
                append_event(EventType.WEBHOOK_RESENT, endpoint, self._origin, now, data)
        return resend

    def remove(self, endpoint_id: str) -> None:
        """Delete the endpoint. Undelivered events are not delivered any more."""
        with transaction.atomic():
            endpoint = self._locked(endpoint_id)
            data = event_data({"url": endpoint.url, "label": endpoint.label})
            endpoint.delete()
            append_event(EventType.WEBHOOK_REMOVED, endpoint, self._origin, self._now(), data)

    def _locked(self, endpoint_id: str) -> WebhookEndpoint:
        endpoint = lock_webhook(endpoint_id)
        check_state(endpoint.revision, self._expected, "The webhook")
        return endpoint

    def _new_secret(self, endpoint: WebhookEndpoint) -> str:
        endpoint.salt, endpoint.pepper_id = new_salt(), self._peppers.current
        return secret_text(derive_key(endpoint.endpoint_id, endpoint.salt, endpoint.pepper_id, self._peppers))


def _add(endpoint: WebhookEndpoint, events: Sequence[Event], found: Sequence[Rows]) -> list[Statement]:
    if len(found[0]) >= MAX_ENDPOINTS:
        raise InvalidParameters.of(
            [FieldError("", "too-many", f"There are already {MAX_ENDPOINTS} webhooks, the maximum.")]
        )
    endpoint.delivered_through = events[-1].id
    return [insert_statement([endpoint])]


def _new_id() -> str:
    return "wh_" + "".join(secrets.choice(KEY_ID_ALPHABET) for _ in range(12))


def _derived_changes(changes: Mapping[str, object]) -> dict[str, object]:
    derived: dict[str, object] = {}
    if "enabled" in changes:
        derived["disabled_reason"] = DisabledReason.NONE if changes["enabled"] else DisabledReason.OPERATOR
    if "url" in changes or changes.get("enabled"):
        derived |= _NO_FAILURE
    return derived


def _write(endpoint: WebhookEndpoint, values: Mapping[str, object]) -> None:
    """Set these fields of the endpoint and save them."""
    for name, value in values.items():
        setattr(endpoint, name, value)
    # Save these fields only: the dispatcher may have updated others meanwhile.
    endpoint.save(update_fields=list(values))
