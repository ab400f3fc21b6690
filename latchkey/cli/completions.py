"""Key IDs for the completion of a shell, from the server. Nothing is stored, and nothing is asked of the person."""

import re
from typing import TYPE_CHECKING, Final

import typer

from latchkey.credentials import KEY_ID_PATTERN

if TYPE_CHECKING:
    from latchkey.cli.invocation import Invocation

TIMEOUT_SECONDS: Final = 1.0
MAX_KEYS: Final = 50
# Shells evaluate what a completion prints, so a label is shown without every character that may mean something there.
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 ._-]+")


def complete_key_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the IDs that continue `incomplete`, newest first, each with its label. Without an answer, return none."""
    try:
        return _key_ids(context, incomplete)
    except BaseException:  # noqa: BLE001 - a message would appear in the middle of what is being typed
        return []


def _key_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    page = _invocation(context).client_for_completion.keys.page(limit=MAX_KEYS, q=incomplete or None)
    # A shell evaluates the ID too, whatever the server is.
    return [
        (key.key_id, _UNSAFE.sub(" ", key.auth.label))
        for key in page.keys
        if KEY_ID_PATTERN.fullmatch(key.key_id) and key.key_id.startswith(incomplete)
    ]


def _invocation(context: typer.Context) -> "Invocation":
    """Return a run with the general options that were typed. The callback that reads them doesn't run here."""
    from latchkey.cli.invocation import Invocation
    from latchkey.cli.options import Options

    typed = context.find_root().params
    invocation = Invocation()
    invocation.options = Options(
        url=typed.get("url"),
        api_key=typed.get("api_key"),
        api_key_header=typed.get("api_key_header"),
        profile=typed.get("profile"),
        config=typed.get("config"),
        timeout=TIMEOUT_SECONDS,
    )
    return invocation
