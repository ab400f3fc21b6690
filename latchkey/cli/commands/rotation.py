"""latchkey keys rotate and finish-rotation: a new secret, and the end of the old one."""

import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from latchkey.cli.drain import Drain
from latchkey.cli.drain_display import DrainDisplay
from latchkey.cli.invocation import Invocation
from latchkey.cli.key_table import show_key
from latchkey.cli.parameters import KeyId, SecretFile, invocation_of, span
from latchkey.cli.secret_output import SecretOutput

if TYPE_CHECKING:
    from latchkey.client.client import Client
    from latchkey.client.key import IssuedKey

DEFAULT_GRACE: Final = "1d"
DEFAULT_QUIET: Final = "10m"


def rotate(
    context: typer.Context,
    key_id: KeyId,
    grace: Annotated[
        timedelta, typer.Option(parser=span, metavar="SPAN", help="How long the old secret works on, at most 30d.")
    ] = DEFAULT_GRACE,  # type: ignore[assignment]
    at_once: Annotated[bool, typer.Option("--at-once", help="End every older secret now: it has leaked.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show the drain, and finish when the old secret is quiet.")
    ] = False,
    quiet: Annotated[
        timedelta, typer.Option(parser=span, metavar="SPAN", help="With --wait: how long it has to be quiet.")
    ] = DEFAULT_QUIET,  # type: ignore[assignment]
    secret_file: SecretFile = None,
) -> None:
    """Make a new secret; the old one works on for a while. The new credential goes to standard output, alone."""
    if at_once and wait:
        raise typer.BadParameter("--at-once leaves nothing to --wait for.")
    invocation = invocation_of(context)
    client = invocation.client
    grace_seconds = 0 if at_once else int(grace.total_seconds())
    with SecretOutput(secret_file).ready() as output:
        issued = client.keys.rotate(key_id, grace_seconds=grace_seconds)
        output.hand_over(issued, as_json=invocation.as_json)
    if wait:
        _drain(invocation, client, issued, quiet)


def finish_rotation(context: typer.Context, key_id: KeyId) -> None:
    """End the retiring secret now. Where there is none, nothing changes."""
    invocation = invocation_of(context)
    show_key(invocation.client.keys.finish_rotation(key_id), as_json=invocation.as_json)


def _drain(invocation: Invocation, client: "Client", issued: "IssuedKey", quiet: timedelta) -> None:
    """Looks at the retiring secret until it is quiet, and ends it."""
    key_id = issued.key.key_id
    watcher = _watching(invocation, client, issued)
    retiring = issued.key.retiring
    drain = Drain(quiet.total_seconds(), time.monotonic(), retiring.last_used_at if retiring else None)
    try:
        with closing(DrainDisplay(drain.quiet_seconds)) as display:
            while retiring is not None:
                now = time.monotonic()
                display.show(retiring.last_used_at, drain.observe(retiring.last_used_at, now), retiring.expires_at)
                if drain.over(now):
                    break
                time.sleep(drain.poll_seconds)
                retiring = watcher.keys.show(key_id).retiring
    except BaseException:
        invocation.say(f"the old secret works on; end it with: latchkey keys finish-rotation {key_id}")
        raise
    if retiring is None:
        invocation.say("the old secret has ended by itself")
        return
    watcher.keys.finish_rotation(key_id)
    invocation.say("the old secret was quiet for long enough and has ended")


def _watching(invocation: Invocation, client: "Client", issued: "IssuedKey") -> "Client":
    """The client to look with: patient, and not with the very secret that is to fall quiet."""
    from latchkey.client.retries import RetryPolicy

    own = client.key_id == issued.key.key_id
    return (client.with_credential(issued.credential) if own else client).with_retries(RetryPolicy(20, 60.0))
