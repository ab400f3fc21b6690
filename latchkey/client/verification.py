"""Result of verifying a credential for a service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from latchkey.client.document import Document
from latchkey.client.exchange import CallResult
from latchkey.limit_state import ENFORCE, REQUESTS, LimitState
from latchkey.rate_limit_fields import POLICY

RATE_LIMITED: Final = "RATE_LIMITED"
_PROBLEMS: Final = {
    "INVALID": "invalid-credential",
    "DISABLED": "disabled-key",
    "EXPIRED": "expired-key",
    "REVOKED": "revoked-key",
    "INSUFFICIENT_SCOPE": "insufficient-scope",
    RATE_LIMITED: "quota-exceeded",
}


@dataclass(frozen=True, slots=True)
class RemainingLimit:
    """What is left of a key's rate limit: `remaining` of `limit` tokens, which refill in `per_seconds`.

    The bucket has one more token in `next_token_seconds`, and is full again in `reset_seconds`; both are 0 for a full
    bucket.
    """

    limit: int
    per_seconds: int
    remaining: int
    next_token_seconds: int
    reset_seconds: int

    @classmethod
    def read(cls, document: Document) -> "RemainingLimit":
        """Return the limit in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            limit=document.integer("limit"),
            per_seconds=document.integer("per_seconds"),
            remaining=document.integer("remaining"),
            next_token_seconds=document.integer("next_token_seconds"),
            reset_seconds=document.integer("reset_seconds"),
        )

    @property
    def state(self) -> LimitState:
        """Return the limit in the shape of a plan's limits."""
        left = (self.remaining, self.next_token_seconds, self.reset_seconds)
        return LimitState(POLICY, REQUESTS, ENFORCE, self.limit, self.per_seconds, *left)


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of a verification.

    `code` is VALID, INVALID, DISABLED, EXPIRED, REVOKED, INSUFFICIENT_SCOPE or RATE_LIMITED.

    The fields about the key are set if its bucket was asked: with VALID, INSUFFICIENT_SCOPE and RATE_LIMITED. With
    the other codes `key_id`, `label`, `owner` and `rate_limit` are None, `scopes` and `metadata` empty.
    `rate_limit` is None for an unlimited key too. `limits` are those of the key's plan, empty without one.
    `violated_policies` names the limits that refused the request, `key` for the key's own; it is empty if the code is
    not RATE_LIMITED. `retry_after_seconds` is set with RATE_LIMITED, unless a quota refused it that never starts
    again. `request_id` names the call in the server's log.
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
    request_id: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    limits: tuple[LimitState, ...] = ()
    violated_policies: tuple[str, ...] = ()

    @property
    def problem(self) -> str | None:
        """Return the slug of the problem to report to the caller.

        Return None if the credential is valid, or if this version doesn't know the code. Check `valid`, not this, to
        decide about a request.
        """
        return None if self.valid else _PROBLEMS.get(self.code)

    @classmethod
    def of_result(cls, result: CallResult) -> "Verification":
        """Return the verification in a response. Raises WrongServer if its shape is wrong."""
        document = Document(result.value, "verification")
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
            request_id=result.request_id,
            document=document.fields,
            limits=tuple(map(_limit, document.documents("limits", "limit"))) if document.has("limits") else (),
            violated_policies=_violated(document),
        )


def _limit(document: Document) -> LimitState:
    return LimitState(
        name=document.text("name"),
        unit=document.text("unit"),
        mode=document.text("mode"),
        limit=document.integer("limit"),
        per_seconds=_integer(document, "per_seconds"),
        remaining=_integer(document, "remaining"),
        next_token_seconds=_integer(document, "next_token_seconds"),
        reset_seconds=_integer(document, "reset_seconds"),
    )


def _violated(document: Document) -> tuple[str, ...]:
    if document.has("violated_policies"):
        return tuple(document.texts("violated_policies"))
    # For a key without a plan, only its own limit can have refused the request.
    return (POLICY,) if document.text("code") == RATE_LIMITED else ()


def _integer(document: Document, name: str) -> int | None:
    return document.integer(name) if document.has(name) else None


def _text(document: Document, name: str) -> str | None:
    return document.text(name) if document.has(name) else None
