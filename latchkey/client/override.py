"""Overrides: other numbers for one limit of a key or an owner, until a moment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from latchkey.client.document import Document
from latchkey.client.pages import Page, PagedList
from latchkey.client.rate_limit import RateLimit
from latchkey.client.transport import Transport
from latchkey.timestamps import rfc3339

_PATH: Final = "/v1/overrides"


@dataclass(frozen=True, slots=True)
class Override:
    """An override of the limit named `limit`, for the key `key_id` or the owner whose slug is `owner`.

    It has one of `rate`, `quota` and `concurrency`. `ended_at` is None while it's in force.
    """

    id: int
    key_id: str | None
    owner: str | None
    limit: str
    rate: RateLimit | None
    quota: int | None
    concurrency: int | None
    until: datetime
    reason: str
    granted_at: datetime
    ended_at: datetime | None
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Override":
        """Return the override in `document`. Raises WrongServer if its shape is wrong."""
        rate = document.document("rate", "rate") if document.has("rate") else None
        return cls(
            id=document.integer("id"),
            key_id=document.text("key_id") if document.has("key_id") else None,
            owner=document.text("owner") if document.has("owner") else None,
            limit=document.text("limit"),
            rate=RateLimit(rate.integer("burst"), rate.integer("per_seconds")) if rate else None,
            quota=document.integer("quota") if document.has("quota") else None,
            concurrency=document.integer("concurrency") if document.has("concurrency") else None,
            until=document.time("until"),
            reason=document.text("reason") if document.has("reason") else "",
            granted_at=document.time("granted_at"),
            ended_at=document.time("ended_at") if document.has("ended_at") else None,
            document=document.fields,
        )


@dataclass(frozen=True, slots=True)
class Overrides:
    """Calls about overrides. Every method raises ClientError.

    Name a key by `key_id`, or an owner by its slug, as `owner`.
    """

    transport: Transport

    def page(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        key_id: str | None = None,
        owner: str | None = None,
    ) -> Page[Override]:
        """Return one page of overrides: all, or those of a key or an owner."""
        return self._listed.page(cursor=cursor, limit=limit, key_id=key_id, owner=owner)

    def list(self, *, key_id: str | None = None, owner: str | None = None) -> Iterator[Override]:
        """Yield all overrides, or those of a key or an owner. Each page is fetched when it's needed."""
        return self._listed.all(key_id=key_id, owner=owner)

    def grant(
        self,
        limit: str,
        *,
        until: datetime,
        reason: str | None = None,
        key_id: str | None = None,
        owner: str | None = None,
        rate: RateLimit | None = None,
        quota: int | None = None,
        concurrency: int | None = None,
    ) -> Override:
        """Replace the number of a limit until a moment, for a key or an owner. A shared limit needs an owner.

        The number is that of the limit's kind: `rate`, `quota` or `concurrency`. An earlier override of the same limit
        ends.
        """
        typed: dict[str, object] = {
            "key_id": key_id,
            "owner": owner,
            "limit": limit,
            "rate": rate and rate.as_json(),
            "quota": quota,
            "concurrency": concurrency,
            "until": rfc3339(until),
            "reason": reason,
        }
        body = {name: value for name, value in typed.items() if value is not None}
        return Override.read(Document(self.transport.call("POST", _PATH, json=body), "override"))

    def end(self, override_id: int) -> None:
        """End an override early: the plan's numbers apply again."""
        self.transport.call("DELETE", f"{_PATH}/{override_id:d}")

    @property
    def _listed(self) -> PagedList[Override]:
        return PagedList(self.transport, _PATH, "override", Override.read)
