"""Result of verifying a credential for a service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from latchkey.client.document import Document

RATE_LIMITED: Final = "RATE_LIMITED"


@dataclass(frozen=True, slots=True)
class RemainingLimit:
    """What is left of a key's rate limit: `remaining` of `limit` tokens.

    The bucket is full again in `reset_seconds`.
    """

    limit: int
    remaining: int
    reset_seconds: int

    @classmethod
    def read(cls, document: Document) -> "RemainingLimit":
        """Return the limit in `document`. Raises WrongServer if its shape is wrong."""
        return cls(document.integer("limit"), document.integer("remaining"), document.integer("reset_seconds"))


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of a verification.

    `code` is VALID, INVALID, DISABLED, EXPIRED, REVOKED, INSUFFICIENT_SCOPE or RATE_LIMITED.

    The fields about the key are set if its bucket was asked: with VALID, INSUFFICIENT_SCOPE and RATE_LIMITED. With
    the other codes `key_id`, `label`, `owner` and `rate_limit` are None, `scopes` and `metadata` empty.
    `rate_limit` is None for an unlimited key too. `retry_after_seconds` is set with RATE_LIMITED.
    """

    valid: bool
    code: str
    key_id: str | None
    label: str | None
    owner: str | None
    scopes: frozenset[str]
    metadata: Mapping[str, Any]
    rate_limit: RemainingLimit | None
    retry_after_seconds: int | None
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Verification":
        """Return the verification in `document`. Raises WrongServer if its shape is wrong."""
        limited = document.has("rate_limit")
        return cls(
            valid=document.boolean("valid"),
            code=document.text("code"),
            key_id=_text(document, "key_id"),
            label=_text(document, "label"),
            owner=_text(document, "owner"),
            scopes=frozenset(document.texts("scopes")) if document.has("scopes") else frozenset(),
            metadata=document.mapping("metadata") if document.has("metadata") else {},
            rate_limit=RemainingLimit.read(document.document("rate_limit", "rate limit")) if limited else None,
            retry_after_seconds=document.integer("retry_after") if document.has("retry_after") else None,
            document=document.fields,
        )


def _text(document: Document, name: str) -> str | None:
    return document.text(name) if document.has(name) else None
