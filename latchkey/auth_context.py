"""Authenticated caller: the same small value on the server, in the client and in every log line."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


def covers(granted: frozenset[str], required: str) -> bool:
    """Return whether the scopes `granted` include the scope `required`.

    The scope `*` allows everything. Within a scope, `*` matches any run of characters: `orders:*`
    allows `orders:read`, and a key that holds it may grant `orders:re*`. A key that holds `orders:re*`
    may not grant `orders:*`.
    """
    if required in granted or "*" in granted:
        return True
    # `required` may itself hold a `*`. Only a `*` in `scope` can match it, so a match
    # means that `required` allows no more than `scope`.
    return any("*" in scope and fnmatchcase(required, scope) for scope in granted)


@dataclass(frozen=True, slots=True)
class AuthContext:
    """An authenticated key: its ID, label, owner and scopes."""

    key_id: str
    label: str
    owner: str
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        """Return the name of this caller in events and logs: `key:` and the key ID."""
        return f"key:{self.key_id}"

    def allows(self, scope: str) -> bool:
        """Return whether this key's scopes include `scope`."""
        return covers(self.scopes, scope)
