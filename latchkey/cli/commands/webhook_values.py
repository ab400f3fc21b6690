"""`latchkey webhooks add`, `edit` and `rotate-secret`: the values of a webhook, and its signing secret."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from latchkey.cli.confirmation import Yes, confirm
from latchkey.cli.output import print_change
from latchkey.cli.parameters import AtOnce, SecretFile, WebhookId, WebhookIfMatch, invocation_of, span
from latchkey.cli.secret_output import SecretOutput
from latchkey.cli.webhook_table import named_webhook
from latchkey.rotation import DEFAULT_GRACE_SECONDS

if TYPE_CHECKING:
    from latchkey.client.webhooks import WebhookChanges, WebhookValues

DEFAULT_GRACE: Final = f"{DEFAULT_GRACE_SECONDS // 86_400}d"

Label: TypeAlias = Annotated[str | None, typer.Option(metavar="LABEL", help="What the receiver is for.")]


def add(
    context: typer.Context,
    receiver: Annotated[
        str, typer.Argument(metavar="URL", help="Where events are sent: https://…", show_default=False)
    ],
    label: Label = None,
    event_type: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE", help="Send events of this type. Can be repeated. Default: all types"),
    ] = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Send nothing until it is enabled.")] = False,
    secret_file: SecretFile = None,
) -> None:
    """Add a webhook. Its signing secret is written to standard output, only this once; all else to standard error."""
    invocation = invocation_of(context)
    values: WebhookValues = {}
    if label is not None:
        values["label"] = label
    if event_type:
        values["event_types"] = event_type
    if disabled:
        values["enabled"] = False
    client = invocation.client
    with SecretOutput(secret_file, invocation.view).prepared() as output:
        output.write_signing_secret(client.webhooks.create(receiver, **values))


def edit(
    context: typer.Context,
    webhook_id: WebhookId,
    receiver: Annotated[
        str | None, typer.Option("--receiver", metavar="URL", help="Where events are sent from now on.")
    ] = None,
    label: Label = None,
    event_type: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE", help="Send events of this type; replaces all current ones. Can be repeated."),
    ] = None,
    all_events: Annotated[bool, typer.Option("--all-events", help="Send events of all types.")] = False,
    if_match: WebhookIfMatch = None,
) -> None:
    """Change fields of a webhook. After a new URL, it is tried immediately."""
    if all_events and event_type:
        raise typer.BadParameter("--all-events can't be used with --event-type.")
    changes: WebhookChanges = {}
    if receiver is not None:
        changes["url"] = receiver
    if label is not None:
        changes["label"] = label
    if event_type or all_events:
        changes["event_types"] = event_type or []
    if not changes:
        raise typer.BadParameter("Nothing to change. Add at least one option, for example --label LABEL.")
    invocation = invocation_of(context)
    changed = invocation.client.webhooks.update(webhook_id, if_match=if_match, **changes)
    print_change(changed.document, invocation.view, f"Changed {', '.join(changes)} of {named_webhook(changed)}.")


def rotate_secret(
    context: typer.Context,
    webhook_id: WebhookId,
    grace: Annotated[
        timedelta, typer.Option(parser=span, metavar="SPAN", help="How long the old secret also signs, at most 30d.")
    ] = DEFAULT_GRACE,  # type: ignore[assignment]
    at_once: AtOnce = False,
    secret_file: SecretFile = None,
    if_match: WebhookIfMatch = None,
    yes: Yes = False,
) -> None:
    """Create a new signing secret. Until the grace period ends, each delivery has two signatures. Only the new secret
    goes to standard output.
    """
    if at_once and grace != span(DEFAULT_GRACE):
        raise typer.BadParameter("--at-once can't be used with --grace.")
    invocation = invocation_of(context)
    client = invocation.client
    if at_once:
        consequence = f"This ends every older signing secret of {webhook_id} immediately."
        confirm(webhook_id, consequence, yes=yes, kind="webhook ID")
    grace_seconds = 0 if at_once else int(grace.total_seconds())
    # Create the file first: after the rotation, the secret can't be requested again.
    with SecretOutput(secret_file, invocation.view).prepared() as output:
        issued = client.webhooks.rotate_secret(webhook_id, grace_seconds=grace_seconds, if_match=if_match)
        output.write_signing_secret(issued)
