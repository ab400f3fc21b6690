"""Calls about webhooks and their deliveries."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypedDict, Unpack
from uuid import uuid4

from latchkey import headers
from latchkey.client.document import Document
from latchkey.client.transport import Transport
from latchkey.client.webhook import (
    Delivery,
    DeliveryReceipt,
    IssuedWebhook,
    Webhook,
    WebhookReceipt,
    changed_webhook,
    resent_delivery,
)
from latchkey.rotation import DEFAULT_GRACE_SECONDS

LARGEST_PAGE: Final = 200
WEBHOOK_ID_PATTERN: Final = re.compile(r"wh_[0-9a-z]{12}")


class WebhookValues(TypedDict, total=False):
    """Values of a new webhook. Without `event_types`, or with none, it gets all events."""

    label: str
    event_types: Sequence[str]
    enabled: bool


class WebhookChanges(WebhookValues, total=False):
    """Changes to a webhook. Fields that aren't named stay as they are."""

    url: str


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """A page of deliveries, newest first. `next` is the `before` of the next page, None at the end."""

    deliveries: tuple[Delivery, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Calls about webhooks. Every method raises ClientError, and ValueError for an invalid ID.

    `if_match` is the `etag` of the webhook on which the change was decided. If the webhook was changed since, nothing
    is done and ReceivedProblem with the slug `precondition-failed` is raised.
    """

    transport: Transport

    def list(self) -> tuple[Webhook, ...]:
        """Return all webhooks, oldest first."""
        page = Document(self.transport.call("GET", "/v1/webhooks"), "list")
        return tuple(Webhook.read(webhook) for webhook in page.documents("items", "webhook"))

    def show(self, webhook_id: str) -> Webhook:
        """Return the webhook."""
        received = self.transport.receive("GET", _path(webhook_id))
        return Webhook.read(Document(received.value, "webhook"), received.etag)

    def create(self, url: str, **values: Unpack[WebhookValues]) -> IssuedWebhook:
        """Add a webhook. Only this response has its signing secret.

        If the response is lost, the call is made again with the same Idempotency-Key.
        """
        name = {headers.IDEMPOTENCY_KEY: str(uuid4())}
        received = self.transport.receive("POST", "/v1/webhooks", json={"url": url, **values}, header_fields=name)
        document = Document(received.value, "webhook")
        if document.has("secret"):
            return IssuedWebhook.read(document, received.etag)
        # An earlier attempt added it, and its secret is lost. Nothing was signed for a receiver that knows it.
        return self.rotate_secret(Webhook.read(document).id, grace_seconds=0, if_match=received.etag)

    def update(
        self, webhook_id: str, *, if_match: str | None = None, **changes: Unpack[WebhookChanges]
    ) -> Webhook | WebhookReceipt:
        """Change fields of a webhook."""
        return self._change("PATCH", webhook_id, json=dict(changes), if_match=if_match)

    def test(self, webhook_id: str, *, if_match: str | None = None) -> Webhook | WebhookReceipt:
        """Request a test delivery. `deliveries` shows its result soon."""
        return self._change("POST", webhook_id, "/test", if_match=if_match)

    def rotate_secret(
        self, webhook_id: str, *, grace_seconds: int = DEFAULT_GRACE_SECONDS, if_match: str | None = None
    ) -> IssuedWebhook:
        """Make a new signing secret, which only this response has. The old one also signs for `grace_seconds`."""
        path, body = f"{_path(webhook_id)}/rotate-secret", {"grace_seconds": grace_seconds}
        received = self.transport.receive("POST", path, json=body, header_fields=_if_match_header(if_match))
        return IssuedWebhook.read(Document(received.value, "webhook"), received.etag)

    def remove(self, webhook_id: str, *, if_match: str | None = None) -> None:
        """Remove the webhook. Events that are not delivered yet are dropped."""
        self.transport.call("DELETE", _path(webhook_id), header_fields=_if_match_header(if_match))

    def deliveries(self, webhook_id: str, *, before: int | None = None, limit: int | None = None) -> DeliveryPage:
        """Return one page of 1 to LARGEST_PAGE deliveries, those with IDs below `before`."""
        query = {"before": before, "limit": limit}
        params = {name: str(value) for name, value in query.items() if value is not None}
        page = Document(self.transport.call("GET", f"{_path(webhook_id)}/deliveries", params=params), "page")
        found = tuple(Delivery.read(delivery) for delivery in page.documents("items", "delivery"))
        return DeliveryPage(found, page.integer("next") if page.has("next") else None)

    def delivery(self, webhook_id: str, delivery_id: int) -> Delivery:
        """Return a delivery, with its request and response in `document`."""
        return Delivery.read(Document(self.transport.call("GET", _delivery_path(webhook_id, delivery_id)), "delivery"))

    def resend(self, webhook_id: str, delivery_id: int, *, if_match: str | None = None) -> Delivery | DeliveryReceipt:
        """Request that the event of a delivery is sent again. Return the new delivery, which is pending."""
        path, fields = f"{_delivery_path(webhook_id, delivery_id)}/resend", _if_match_header(if_match)
        return resent_delivery(Document(self.transport.call("POST", path, header_fields=fields), "delivery"))

    def _change(
        self, method: str, webhook_id: str, rest: str = "", json: object = None, if_match: str | None = None
    ) -> Webhook | WebhookReceipt:
        received = self.transport.receive(
            method, _path(webhook_id) + rest, json=json, header_fields=_if_match_header(if_match)
        )
        return changed_webhook(Document(received.value, "webhook"), received.etag)


def _path(webhook_id: str) -> str:
    # Otherwise a text with a slash or a question mark would lead to another path.
    if not WEBHOOK_ID_PATTERN.fullmatch(webhook_id):
        raise ValueError("a webhook ID must be wh_ and 12 characters of 0-9 and a-z")
    return f"/v1/webhooks/{webhook_id}"


def _delivery_path(webhook_id: str, delivery_id: int) -> str:
    return f"{_path(webhook_id)}/deliveries/{int(delivery_id)}"


def _if_match_header(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {headers.IF_MATCH: if_match}
