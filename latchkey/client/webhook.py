"""Webhooks and their deliveries, as the API shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from latchkey.client.document import Document
from latchkey.client.key import optional_time


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint that events are sent to. `document` is the JSON as received.

    `event_types` is empty for all types. `etag` names the state that is shown, for `if_match`, and is None for a
    webhook from a list.
    """

    id: str
    url: str
    label: str
    event_types: tuple[str, ...]
    enabled: bool
    disabled_reason: str
    created_at: datetime
    document: Mapping[str, Any] = field(repr=False, compare=False)
    etag: str | None = None

    @classmethod
    def read(cls, document: Document, etag: str | None = None) -> "Webhook":
        """Return the webhook in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            id=document.text("id"),
            url=document.text("url"),
            label=document.text("label"),
            event_types=tuple(document.texts("event_types")),
            enabled=document.boolean("enabled"),
            disabled_reason=document.text("disabled_reason"),
            created_at=document.time("created_at"),
            document=document.fields,
            etag=etag,
        )


@dataclass(frozen=True, slots=True)
class WebhookReceipt:
    """What a caller without `webhooks:read` gets after a change: the ID, and in `document` the fields that it sent."""

    id: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    etag: str | None = field(default=None, compare=False)


def changed_webhook(document: Document, etag: str | None = None) -> Webhook | WebhookReceipt:
    """Return the webhook or the receipt that a change returned. Raises WrongServer if its shape is wrong."""
    # Only a whole webhook says when it was created, whatever the caller changed.
    if "created_at" in document.fields:
        return Webhook.read(document, etag)
    return WebhookReceipt(document.text("id"), document.fields, etag)


@dataclass(frozen=True, slots=True)
class IssuedWebhook:
    """A webhook with its new signing secret, which no later response shows. Its `repr` doesn't show the secret."""

    webhook: Webhook | WebhookReceipt
    secret: str = field(repr=False)

    @classmethod
    def read(cls, document: Document, etag: str | None = None) -> "IssuedWebhook":
        """Return the webhook and the secret in `document`. Raises WrongServer if its shape is wrong."""
        return cls(changed_webhook(document, etag), document.text("secret"))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver an event or a test. `document` is the JSON as received.

    `kind` is event, test or resend; `outcome` is pending, delivered or failed. Only `show` returns a document with
    the request and the response.
    """

    id: int
    kind: str
    event_id: int | None
    event_type: str
    outcome: str
    status: int | None
    error: str
    at: datetime
    next_attempt_at: datetime | None
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Delivery":
        """Return the delivery in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            id=document.integer("id"),
            kind=document.text("kind"),
            event_id=document.integer("event_id") if document.has("event_id") else None,
            event_type=document.text("event_type"),
            outcome=document.text("outcome"),
            status=document.integer("status") if document.has("status") else None,
            error=document.text("error"),
            at=document.time("at"),
            next_attempt_at=optional_time(document, "next_attempt_at"),
            document=document.fields,
        )


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """What a caller without `webhooks:read` gets after it requested a resend."""

    id: int
    document: Mapping[str, Any] = field(repr=False, compare=False)


def resent_delivery(document: Document) -> Delivery | DeliveryReceipt:
    """Return the delivery or the receipt of a requested resend. Raises WrongServer if its shape is wrong."""
    if "outcome" in document.fields:
        return Delivery.read(document)
    return DeliveryReceipt(document.integer("id"), document.fields)
