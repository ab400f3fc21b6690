"""A webhook and its deliveries on standard output: a row of a table, lines, or JSON."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from latchkey.cli.output import print_object
from latchkey.cli.table import Row
from latchkey.cli.view import View

if TYPE_CHECKING:
    from latchkey.client.webhook import Webhook, WebhookReceipt


def print_webhook(webhook: "Webhook | WebhookReceipt", view: View) -> None:
    """Show the webhook with everything the server returned. As lines, show its ETag too."""
    lines = {**webhook_lines(webhook.document), **({"etag": webhook.etag} if webhook.etag else {})}
    print_object(webhook.document, view, lines=lines)


def named_webhook(webhook: "Webhook | WebhookReceipt") -> str:
    """Return the ID, with the label if there is one."""
    label = webhook.document.get("label")
    return f"{webhook.id} ({label})" if label else webhook.id


def webhook_row(webhook: Row) -> dict[str, object]:
    """Return the fields of a webhook that a list shows, with the URL reduced to its origin."""
    delivery = webhook.get("delivery")
    progress = delivery if isinstance(delivery, Mapping) else {}
    parts = urlsplit(str(webhook.get("url", "")))
    return {
        "id": webhook.get("id"),
        "label": webhook.get("label"),
        # The path and the query often contain a token.
        "receiver": f"{parts.scheme}://{parts.netloc}",
        "state": "enabled" if webhook.get("enabled") else f"disabled: {webhook.get('disabled_reason')}",
        "pending": progress.get("pending"),
        "failures": progress.get("failures"),
        "last result": progress.get("last_error") or progress.get("last_status"),
    }


def webhook_lines(webhook: Row) -> dict[str, object]:
    """Return all fields of a webhook, with its secrets' states and its progress in lines of their own."""
    # The document of a new webhook holds its secret, which only `secret_output` may show.
    lines = {name: value for name, value in webhook.items() if name not in ("secrets", "secret", "delivery")}
    secrets, delivery = webhook.get("secrets"), webhook.get("delivery")
    if isinstance(secrets, list):
        lines["secrets"] = ", ".join(
            f"{secret['state']} until {secret['expires_at']}" if secret.get("expires_at") else str(secret["state"])
            for secret in secrets
        )
    return lines | (dict(delivery) if isinstance(delivery, Mapping) else {})


def delivery_row(delivery: Row) -> dict[str, object]:
    """Return the fields of a delivery that a list shows."""
    result = delivery.get("error") or delivery.get("status")
    shown = {name: delivery.get(name) for name in ("id", "at", "kind", "event_id")}
    return {
        **shown,
        "type": delivery.get("event_type"),
        "attempt": delivery.get("attempt"),
        "outcome": delivery.get("outcome"),
        "result": result,
        "ms": delivery.get("duration_ms"),
        "next_attempt_at": delivery.get("next_attempt_at"),
    }


def delivery_lines(delivery: Row) -> dict[str, object]:
    """Return all fields of a delivery, with a line for each header field of its request."""
    lines = {name: value for name, value in delivery.items() if name not in ("request", "response_body")}
    request = delivery.get("request")
    if isinstance(request, Mapping):
        headers = request.get("headers")
        lines |= {f"> {name}": value for name, value in (headers if isinstance(headers, Mapping) else {}).items()}
        lines["> body"] = request.get("body")
    return {**lines, "< body": delivery.get("response_body")}
