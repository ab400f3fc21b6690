"""`latchkey keys create` and `update`: the values of a new key, and changes to those of an existing key."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from latchkey.cli.invocation import Invocation
from latchkey.cli.key_ids import for_each, read_key_ids
from latchkey.cli.key_table import print_changed_keys
from latchkey.cli.parameters import (
    Burst,
    ExpiresIn,
    IfMatch,
    KeyIds,
    Metadata,
    Owner,
    PerSeconds,
    Rate,
    SecretFile,
    Unlimited,
    invocation_of,
    rate_limit_of,
)
from latchkey.cli.plan_parameters import Plan
from latchkey.cli.scope_change import ScopeChange
from latchkey.cli.secret_output import SecretOutput
from latchkey.verify_limit import SUGGESTED, verify_limit_hint

if TYPE_CHECKING:
    from latchkey.client.key import Key, KeyReceipt


def create(
    context: typer.Context,
    label: Annotated[str, typer.Option(metavar="LABEL", help="What the key is for.", show_default=False)],
    owner: Owner = None,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="A scope of the key. Can be repeated.")
    ] = None,
    burst: Burst = None,
    per_seconds: PerSeconds = None,
    rate: Rate = None,
    unlimited: Unlimited = False,
    expires_in: ExpiresIn = None,
    metadata: Metadata = None,
    plan: Plan = None,
    secret_file: SecretFile = None,
) -> None:
    """Issue a key. Its credential is written to standard output, only this once; everything else to standard error."""
    invocation = invocation_of(context)
    typed: dict[str, Any] = {"owner": owner, "scopes": scope, "expires_at": expires_in, "metadata": metadata}
    typed["plan"] = plan
    values = {name: value for name, value in typed.items() if value is not None}
    values |= rate_limit_of(burst, per_seconds, rate, unlimited=unlimited)
    client = invocation.client
    with SecretOutput(secret_file, invocation.view).prepared() as output:
        issued = client.keys.create(label, **values)
        output.write_credential(issued)
    # The hint is only for people who didn't choose a limit.
    if "rate_limit" not in values:
        _print_limit_hint(invocation, issued.key)


def update(
    context: typer.Context,
    key_id: KeyIds,
    label: Annotated[str | None, typer.Option(metavar="LABEL", help="What the key is for.")] = None,
    owner: Owner = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="A scope of the key; replaces all current ones. Can be repeated."),
    ] = None,
    add_scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="A scope to add to the current ones. Can be repeated.")
    ] = None,
    remove_scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="A scope to take from the current ones. Can be repeated.")
    ] = None,
    no_scopes: Annotated[bool, typer.Option("--no-scopes", help="Remove all scopes.")] = False,
    burst: Burst = None,
    per_seconds: PerSeconds = None,
    rate: Rate = None,
    unlimited: Unlimited = False,
    expires_in: ExpiresIn = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="Remove the expiry.")] = False,
    metadata: Metadata = None,
    plan: Plan = None,
    no_plan: Annotated[bool, typer.Option("--no-plan", help="Remove the plan. That of the owner stays.")] = False,
    if_match: IfMatch = None,
) -> None:
    """Change fields of keys. The change applies from the next request on."""
    if (no_scopes and scope) or (never_expires and expires_in) or (no_plan and plan is not None):
        raise typer.BadParameter(
            "--no-scopes can't be used with --scope, nor --never-expires with --expires-in, nor --no-plan with --plan."
        )
    scopes = ScopeChange(tuple(add_scope or ()), tuple(remove_scope or ()))
    if scopes and (scope or no_scopes):
        raise typer.BadParameter("--add-scope and --remove-scope can't be used with --scope or --no-scopes.")
    typed: dict[str, Any] = {
        "label": label,
        "owner": owner,
        "scopes": scope or None,
        "expires_at": expires_in,
        "metadata": metadata,
        "plan": plan,
    }
    changes = {name: value for name, value in typed.items() if value is not None}
    if no_scopes:
        changes["scopes"] = []
    if never_expires:
        changes["expires_at"] = None
    if no_plan:
        changes["plan"] = None
    changes |= rate_limit_of(burst, per_seconds, rate, unlimited=unlimited)
    if not changes and not scopes:
        raise typer.BadParameter("Nothing to change. Add at least one option, for example --label LABEL.")
    invocation = invocation_of(context)
    key_ids = read_key_ids(key_id, if_match=if_match)
    keys = invocation.client.keys
    changed = for_each(invocation, key_ids, lambda key: scopes.update(keys, key, changes, if_match))
    names = ", ".join(dict.fromkeys([*changes, *(["scopes"] if scopes else [])]))
    print_changed_keys(changed, invocation.view, several=len(key_ids) > 1, done=f"Changed {names} of")


def _print_limit_hint(invocation: Invocation, key: "Key | KeyReceipt") -> None:
    """Write a hint to standard error if the key only verifies and has a small limit."""
    # A caller without keys:read gets a receipt, which may lack the scopes.
    if isinstance(key.document.get("scopes"), list):
        limit = key.document.get("rate_limit")
        change = f"Change it: latchkey keys update {key.key_id} {SUGGESTED}"
        hint = verify_limit_hint(key.document["scopes"], limit, change)
        if hint is not None:
            invocation.say(hint)
