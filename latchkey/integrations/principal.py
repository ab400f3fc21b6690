"""Principal: the key that a request is from, as a view sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latchkey.auth_context import AuthContext, covers
from latchkey.client.verification import RemainingLimit, Verification


@dataclass(frozen=True, slots=True)
class Principal:
    """The key that a request is from.

    If `verified` is False, Latchkey didn't respond and the service fails open: the caller is unknown, `key_id`, `label`
    and `owner` are None, and `allows` returns False for every scope.

    `rate_limit` is None for an unlimited key. If a proxy has checked the request, `label` and `rate_limit` are None
    and `metadata` is empty.
    """

    key_id: str | None = None
    label: str | None = None
    owner: str | None = None
    scopes: frozenset[str] = frozenset()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    rate_limit: RemainingLimit | None = None
    verified: bool = True

    def allows(self, scope: str) -> bool:
        """Return whether the key's scopes include `scope`."""
        return covers(self.scopes, scope)

    @classmethod
    def of_verification(cls, found: Verification) -> "Principal":
        """Return the key that was verified."""
        return cls(found.key_id, found.label, found.owner, found.scopes, found.metadata, found.rate_limit)

    @classmethod
    def of_proxy(cls, auth: AuthContext) -> "Principal":
        """Return the key that a proxy has checked."""
        return cls(auth.key_id, owner=auth.owner, scopes=auth.scopes)


UNVERIFIED = Principal(verified=False)
