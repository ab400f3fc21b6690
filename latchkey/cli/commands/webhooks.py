"""`latchkey webhooks`: list, show, test, enable, disable and delete."""

import sys
from typing import TYPE_CHECKING

import typer

from latchkey.cli import output
from latchkey.cli.confirmation import Yes, confirm
from latchkey.cli.output import print_change
from latchkey.cli.parameters import WebhookId, WebhookIfMatch, invocation_of
from latchkey.cli.table import format_fields
from latchkey.cli.webhook_table import named_webhook, print_webhook, webhook_row

if TYPE_CHECKING:
    from latchkey.client.client import Client

group = typer.Typer(
    no_args_is_help=True,
    help="Webhooks: list, show, add, edit, test, rotate the secret, enable, disable, delete; and their deliveries.",
)


@group.command("list")
def list_webhooks(context: typer.Context) -> None:
    """List all webhooks, oldest first. The table shows only the origin of each URL."""
    invocation = invocation_of(context)
    documents = [webhook.document for webhook in invocation.client.webhooks.list()]
    rows = [webhook_row(document) for document in documents]
    output.print_rows({"items": documents}, invocation.view, rows=rows)


@group.command("show")
def show(context: typer.Context, webhook_id: WebhookId) -> None:
    """Show a webhook and how its deliveries are going, and no secret."""
    invocation = invocation_of(context)
    print_webhook(invocation.client.webhooks.show(webhook_id), invocation.view)


@group.command("test")
def send_test(context: typer.Context, webhook_id: WebhookId, if_match: WebhookIfMatch = None) -> None:
    """Request a test delivery, even if the webhook is disabled. 'deliveries' shows the result soon."""
    invocation = invocation_of(context)
    tested = invocation.client.webhooks.test(webhook_id, if_match=if_match)
    print_change(tested.document, invocation.view, f"Requested a test delivery to {named_webhook(tested)}.")


@group.command("enable")
def enable(context: typer.Context, webhook_id: WebhookId, if_match: WebhookIfMatch = None) -> None:
    """Enable a webhook again: deliveries continue where they stopped."""
    _set_enabled(context, webhook_id, if_match, enabled=True)


@group.command("disable")
def disable(context: typer.Context, webhook_id: WebhookId, if_match: WebhookIfMatch = None) -> None:
    """Disable a webhook: it gets no more events until it is enabled again."""
    _set_enabled(context, webhook_id, if_match, enabled=False)


@group.command("delete")
def delete(context: typer.Context, webhook_id: WebhookId, yes: Yes = False, if_match: WebhookIfMatch = None) -> None:
    """Delete a webhook permanently. Shows the webhook and asks for its ID first."""
    invocation = invocation_of(context)
    client = invocation.client
    if not yes and sys.stdin.isatty():
        current_etag = _show_before_deleting(client, webhook_id)
        # The person confirms what is shown, so the webhook must not change in between.
        if_match = if_match or current_etag
    consequence = f"This deletes {webhook_id}, and events that were not delivered yet are not sent any more."
    confirm(webhook_id, consequence, yes=yes, kind="webhook ID")
    client.webhooks.remove(webhook_id, if_match=if_match)
    invocation.say(f"{webhook_id} is deleted")


def _set_enabled(context: typer.Context, webhook_id: str, if_match: str | None, *, enabled: bool) -> None:
    invocation = invocation_of(context)
    changed = invocation.client.webhooks.update(webhook_id, if_match=if_match, enabled=enabled)
    done = "Enabled" if enabled else "Disabled"
    print_change(changed.document, invocation.view, f"{done} {named_webhook(changed)}.")


def _show_before_deleting(client: "Client", webhook_id: str) -> str | None:
    """Show the webhook and return its ETag, or None if the calling key may not read webhooks."""
    from latchkey.client.failures import ReceivedProblem

    try:
        webhook = client.webhooks.show(webhook_id)
    except ReceivedProblem as problem:
        if problem.slug == "insufficient-scope":
            return None
        raise
    print(format_fields(webhook_row(webhook.document)), file=sys.stderr)
    return webhook.etag
