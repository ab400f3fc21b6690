"""Grants: a caller can give, remove or obtain only scopes that it has itself, and not move keys between owners' limits
unless it may change owners.
"""

from collections.abc import Collection
from typing import Final

from apikeys.errors import InsufficientScope
from apikeys.models import Owner
from latchkey.auth_context import AuthContext

OWNERS_WRITE: Final = "owners:write"
"""The scope of a caller that may change owners, and move keys between them."""


def check_grant(authority: AuthContext | None, scopes: Collection[str], *, named: Collection[str] = ()) -> None:
    """Raise InsufficientScope if the calling key `authority` lacks one of `scopes`. None, an operator, lacks nothing.

    `named` are the scopes that the request itself contains. The message shows other scopes of the changed key only
    to a caller that may read keys.
    """
    if authority is None:
        return
    missing = [scope for scope in scopes if not authority.allows(scope)]
    if missing:
        may_read = authority.allows("keys:read")
        shown = [scope for scope in missing if may_read or scope in named]
        lacking = ", ".join(shown) or "scopes of this key, which a key with keys:read can look up"
        raise InsufficientScope(f"A key can grant, remove or obtain only its own scopes. It lacks: {lacking}.")


def refuse_move(*names: str) -> None:
    """Raise InsufficientScope if one of these names is that of an owner: a key must not move from or to it."""
    owner = Owner.objects.filter(name__in=names).order_by("name").first()
    if owner is not None:
        # Otherwise a key could leave the limits that it shares, or use up those of others.
        detail = f"{owner.name} is an owner, whose keys share limits. To move a key from or to it, you also need"
        raise InsufficientScope(f"{detail} to be allowed to change owners ({OWNERS_WRITE}).")
