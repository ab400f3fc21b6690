"""Who is calling: the same small value on the server, in the client and in every log line."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


def covers(granted: frozenset[str], wanted: str) -> bool:
    """Whether the scopes `granted` allow what `wanted` names.

    `*` allows all; within a scope `*` stands for any run of characters, so `orders:*` allows `orders:read` and may
    grant `orders:re*`, while `orders:re*` may not grant `orders:*`.
    """
    if wanted in granted or "*" in granted:
        return True
    return any("*" in scope and fnmatchcase(wanted, scope) for scope in granted)


@dataclass(frozen=True, slots=True)
class AuthContext:
    """An authenticated key: its id, what people call it, whose it is and what it may do."""

    key_id: str
    label: str
    owner: str
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        """How events and logs name this caller."""
        return f"key:{self.key_id}"

    def allows(self, scope: str) -> bool:
        """Whether this key holds `scope`."""
        return covers(self.scopes, scope)
