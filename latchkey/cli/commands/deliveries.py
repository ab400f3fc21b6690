"""`latchkey webhooks deliveries` and `resend`: what was sent to a webhook lately, and sending it again."""

from typing import TYPE_CHECKING, Annotated

import typer

from latchkey.cli.output import print_object, print_rows
from latchkey.cli.parameters import WebhookId, WebhookIfMatch, invocation_of
from latchkey.cli.webhook_table import delivery_lines, delivery_row

if TYPE_CHECKING:
    from latchkey.client.webhook import Delivery


def deliveries(
    context: typer.Context,
    webhook_id: WebhookId,
    delivery_id: Annotated[
        int | None, typer.Argument(min=1, metavar="[DELIVERY_ID]", help="Show this delivery alone.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum number of deliveries.")] = 50,
    before: Annotated[
        int | None, typer.Option(min=1, metavar="ID", help="Continue where a list ended: only IDs below this.")
    ] = None,
) -> None:
    """List the latest deliveries of a webhook, newest first. With DELIVERY_ID, show that one with its request and
    response.
    """
    invocation = invocation_of(context)
    if delivery_id is not None:
        document = invocation.client.webhooks.delivery(webhook_id, delivery_id).document
        print_object(document, invocation.view, lines=delivery_lines(document))
        return
    from latchkey.client.webhooks import LARGEST_PAGE

    found: list[Delivery] = []
    while True:
        page_size = min(LARGEST_PAGE, limit - len(found))
        page = invocation.client.webhooks.deliveries(webhook_id, before=before, limit=page_size)
        found += page.deliveries
        before = page.next
        if before is None or len(found) >= limit:
            break
    documents = [delivery.document for delivery in found]
    rows = [delivery_row(document) for document in documents]
    print_rows({"items": documents, "next": before}, invocation.view, rows=rows)
    if before is not None and invocation.view.is_table:
        invocation.say(f"there are more deliveries: --before {before}")


def resend(
    context: typer.Context,
    webhook_id: WebhookId,
    delivery_id: Annotated[int, typer.Argument(min=1, metavar="DELIVERY_ID", show_default=False)],
    if_match: WebhookIfMatch = None,
) -> None:
    """Send the event of a delivery again, even if the webhook is disabled. Shows the new delivery, which is pending."""
    invocation = invocation_of(context)
    document = invocation.client.webhooks.resend(webhook_id, delivery_id, if_match=if_match).document
    print_object(document, invocation.view)
