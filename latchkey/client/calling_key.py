"""Calling key, as the server sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latchkey.auth_context import AuthContext
from latchkey.client.document import Document
from latchkey.client.key import auth_of
from latchkey.client.limit import Limit, limits_in
from latchkey.client.rate_limit import RateLimit, rate_limit_of


@dataclass(frozen=True, slots=True)
class CallingKey:
    """The calling key. `remaining` is the number of tokens left in its bucket, None if it's unlimited.

    `plan` and `limits` are those of `Key`.
    """

    auth: AuthContext
    rate_limit: RateLimit | None
    remaining: int | None
    request_id: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    plan: str | None = None
    limits: tuple[Limit, ...] = ()

    @classmethod
    def read(cls, document: Document) -> "CallingKey":
        """Return the caller in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            auth=auth_of(document),
            rate_limit=rate_limit_of(document),
            remaining=document.integer("remaining") if document.has("remaining") else None,
            request_id=document.text("request_id"),
            document=document.fields,
            plan=document.text("plan") if document.has("plan") else None,
            limits=limits_in(document),
        )
