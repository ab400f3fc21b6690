"""`latchkey keys rotate --wait`: ends the old secret once only the new one has been in use for long enough."""

import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

from latchkey.cli.drain import Drain
from latchkey.cli.drain_display import DrainDisplay
from latchkey.cli.invocation import Invocation

if TYPE_CHECKING:
    from latchkey.client.client import Client
    from latchkey.client.key import IssuedKey, Key, KeyReceipt, Secret


def finish_when_drained(
    invocation: Invocation, client: "Client", issued: "IssuedKey", quiet: timedelta, *, even_if_unused: bool
) -> None:
    """Poll both secrets until only the new one has been in use for long enough, then end the old one."""
    key, old = issued.key, issued.key.retiring
    poller = _polling_client(invocation, client, issued)
    drain = Drain(quiet.total_seconds(), time.monotonic(), old.last_used_at if old else None, even_if_unused)
    unused = True
    try:
        with closing(DrainDisplay(drain.quiet_seconds)) as display:
            while (retiring := _current_retiring_secret(old, key)) is not None:
                new_used_at = key.active.last_used_at if key.active else None
                unused = new_used_at is None
                progress = drain.observe(retiring.last_used_at, new_used_at, time.monotonic())
                display.show(retiring.last_used_at, progress.quiet_seconds, retiring.expires_at)
                if drain.is_complete(progress):
                    break
                time.sleep(drain.poll_seconds)
                key = poller.keys.show(key.key_id)
    except BaseException:
        # Ctrl-C arrives here too: whatever ends the wait, the old secret is still valid.
        invocation.say(f"the old secret still works; end it with: latchkey keys finish-rotation {key.key_id}")
        raise
    if retiring is None:
        invocation.say(f"the old secret has already ended{', and the new one was never used' if unused else ''}")
        return
    # A later rotation may have begun. Naming the secret makes sure that only this one is ended.
    poller.keys.finish_rotation(key.key_id, secret_id=retiring.id)
    invocation.say("the old secret was idle for long enough and has ended")


def _current_retiring_secret(old: "Secret | None", key: "Key | KeyReceipt") -> "Secret | None":
    """Return the retiring secret if it's the one that this rotation replaces, and not that of a later rotation."""
    retiring = key.retiring
    return retiring if old and retiring and retiring.id == old.id else None


def _polling_client(invocation: Invocation, client: "Client", issued: "IssuedKey") -> "Client":
    """Return the client to poll with: it retries for longer."""
    from latchkey.client.retries import RetryPolicy

    # A key that watches itself must use its new secret: calls with the old one would keep that in use.
    own = client.key_id == issued.key.key_id
    return (client.with_credential(issued.credential) if own else client).with_retries(RetryPolicy(20, 60.0))
