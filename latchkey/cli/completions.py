"""IDs and names for the completion of a shell, from the server.

Nothing is stored, and nothing is asked of the person.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import typer

from latchkey.credentials import KEY_ID_PATTERN

if TYPE_CHECKING:
    from latchkey.cli.invocation import Invocation
    from latchkey.client.client import Client

Candidates: TypeAlias = list[tuple[str, str]]

TIMEOUT_SECONDS: Final = 1.0
MAX_KEYS: Final = 50
MAX_NAMES: Final = 200
# Shells evaluate what a completion prints, so a label is shown without every character that may mean something there.
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 ._-]+")
# What a shell takes as it is. A name with anything else has to be typed.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def complete_key_ids(context: typer.Context, incomplete: str) -> Candidates:
    """Return the IDs that continue `incomplete`, newest first, each with its label. Without an answer, return none."""
    return _without_failure(_key_ids, context, incomplete)


def complete_plans(context: typer.Context, incomplete: str) -> Candidates:
    """Return the names of plans that continue `incomplete`. Without an answer, return none."""
    return _without_failure(_plans, context, incomplete)


def complete_owners(context: typer.Context, incomplete: str) -> Candidates:
    """Return the slugs of owners that continue `incomplete`, each with its name. Without an answer, return none."""
    return _without_failure(_owners, context, incomplete)


def _without_failure(
    candidates: "Callable[[Client, str], Candidates]", context: typer.Context, incomplete: str
) -> Candidates:
    try:
        return candidates(_invocation(context).client_for_completion, incomplete)
    except BaseException:  # noqa: BLE001 - a message would appear in the middle of what is being typed
        return []


def _key_ids(client: "Client", incomplete: str) -> Candidates:
    page = client.keys.page(limit=MAX_KEYS, q=incomplete or None)
    # A shell evaluates the ID too, whatever the server is.
    return [
        (key.key_id, _UNSAFE.sub(" ", key.auth.label))
        for key in page.keys
        if KEY_ID_PATTERN.fullmatch(key.key_id) and key.key_id.startswith(incomplete)
    ]


def _plans(client: "Client", incomplete: str) -> Candidates:
    return _named([(plan.name, "") for plan in client.plans.page(limit=MAX_NAMES).items], incomplete)


def _owners(client: "Client", incomplete: str) -> Candidates:
    return _named([(owner.slug, owner.name) for owner in client.owners.page(limit=MAX_NAMES).items], incomplete)


def _named(names: Candidates, incomplete: str) -> Candidates:
    return [
        (name, _UNSAFE.sub(" ", description))
        for name, description in names
        if _NAME.fullmatch(name) and name.startswith(incomplete)
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
