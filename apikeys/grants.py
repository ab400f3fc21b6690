"""Grants: a calling key can give, remove or obtain only scopes that it has itself."""

from collections.abc import Collection

from apikeys.errors import InsufficientScope
from latchkey.auth_context import AuthContext


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
