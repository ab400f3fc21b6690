"""`latchkey keys rotate` and `finish-rotation`: a new secret, and the end of the old one."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from latchkey.cli.confirmation import Yes, confirm
from latchkey.cli.drain_wait import finish_when_drained
from latchkey.cli.errors import CLIError
from latchkey.cli.key_table import named_key
from latchkey.cli.output import discard_stdout, print_change
from latchkey.cli.parameters import AtOnce, IfMatch, KeyId, SecretFile, invocation_of, span
from latchkey.cli.secret_output import SecretOutput
from latchkey.problems import ProblemError
from latchkey.rotation import DEFAULT_GRACE_SECONDS, NOT_READY_REASONS
from latchkey.timestamps import rfc3339

if TYPE_CHECKING:
    from latchkey.client.client import Client
    from latchkey.client.key import Key

DEFAULT_GRACE: Final = f"{DEFAULT_GRACE_SECONDS // 86_400}d"
DEFAULT_QUIET_TIME: Final = "10m"
_OWN_USE: Final = "This command itself uses the key, so it can't see if anyone else uses the new secret."


def rotate(
    context: typer.Context,
    key_id: KeyId,
    grace: Annotated[
        timedelta, typer.Option(parser=span, metavar="SPAN", help="Grace period of the old secret, at most 30d.")
    ] = DEFAULT_GRACE,  # type: ignore[assignment]
    at_once: AtOnce = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show the drain, and finish the rotation once only the new secret is in use.")
    ] = False,
    quiet: Annotated[
        timedelta,
        typer.Option(
            parser=span,
            metavar="SPAN",
            help="With --wait: how long the old secret must be idle, counted from the first use of the new one.",
        ),
    ] = DEFAULT_QUIET_TIME,  # type: ignore[assignment]
    even_if_unused: Annotated[
        bool,
        typer.Option("--even-if-unused", help="With --wait: start counting now, even if the new secret is never used."),
    ] = False,
    secret_file: SecretFile = None,
    if_match: IfMatch = None,
    yes: Yes = False,
) -> None:
    """Create a new secret. The old one works for the grace period. Only the new credential goes to standard output."""
    if at_once and wait:
        raise typer.BadParameter("--at-once ends the old secret immediately, so --wait can't be used.")
    if at_once and grace != span(DEFAULT_GRACE):
        raise typer.BadParameter("--at-once can't be used with --grace.")
    if even_if_unused and not wait:
        raise typer.BadParameter("--even-if-unused needs --wait.")
    invocation = invocation_of(context)
    client = invocation.client
    if wait and not even_if_unused and client.key_id == key_id:
        raise CLIError(
            "A key can't wait for the end of its own old secret",
            "It would poll with its new secret, and so couldn't see if any other client uses that secret.",
            "Rotate it with another key, or add --even-if-unused to end the old secret once it is idle.",
        )
    if at_once:
        confirm(key_id, f"This ends every older secret of {key_id} immediately.", yes=yes)
    if wait:
        # Without keys:read the drain can't be watched. Find out before anything is changed.
        client.keys.show(key_id)
    grace_seconds = 0 if at_once else int(grace.total_seconds())
    # Create the file first: after the rotation, the secret can't be requested again.
    with SecretOutput(secret_file, invocation.view).prepared() as output:
        issued = client.keys.rotate(key_id, grace_seconds=grace_seconds, if_match=if_match)
        output.write_credential(issued)
    if wait:
        # The credential has been written. A program that reads it from a pipe doesn't have to wait for the drain.
        discard_stdout()
        finish_when_drained(invocation, client, issued, quiet, even_if_unused=even_if_unused)


def finish_rotation(
    context: typer.Context,
    key_id: KeyId,
    secret_id: Annotated[
        int | None, typer.Option("--secret", min=1, metavar="ID", help="Only if this is the retiring secret.")
    ] = None,
    if_match: IfMatch = None,
    yes: Yes = False,
) -> None:
    """End the retiring secret now. If the new one hasn't been in use alone for an hour, you are asked first; without a
    terminal that needs --yes. If none is retiring, nothing changes.
    """
    invocation = invocation_of(context)
    if not yes:
        seen = _confirm(invocation.client, key_id)
        if_match = if_match or seen.etag
    finished = invocation.client.keys.finish_rotation(key_id, secret_id=secret_id, if_match=if_match)
    print_change(finished.document, invocation.view, f"Finished the rotation of {named_key(finished)}.")


def _confirm(client: "Client", key_id: str) -> "Key":
    """Return the key as it is now, and ask first if the rotation isn't ready to be finished.

    Raises CLIError if the person doesn't confirm.
    """
    try:
        key = client.keys.show(key_id)
    except ProblemError as problem:
        if problem.slug != "insufficient-scope":
            raise
        raise CLIError(
            "Not finished",
            "Only a key with the scope keys:read can see if the new secret is in use.",
            "Use such a key, or add --yes to end the old secret without this check.",
        ) from None
    progress = key.rotation_progress(datetime.now(UTC))
    if progress is None:
        # No rotation is in progress, so there is nothing to confirm.
        return key
    reason = _OWN_USE if client.key_id == key_id else NOT_READY_REASONS.get(progress.state())
    if reason:
        confirm(key_id, f"{reason} {_lockout(key)}", yes=False)
    return key


def _lockout(key: "Key") -> str:
    """Return a sentence that says whom the end of the old secret locks out."""
    old = key.retiring
    used = f"last used {rfc3339(old.last_used_at)}" if old and old.last_used_at else "never used"
    return f"Ending the old secret ({old.id if old else ''}, {used}) locks out every client that still uses it."
