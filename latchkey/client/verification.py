"""Whether a credential may pass, as the server judges it for a service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from latchkey.client.document import Document

RATE_LIMITED: Final = "RATE_LIMITED"


@dataclass(frozen=True, slots=True)
class Verification:
    """`code` is VALID, INVALID, DISABLED, EXPIRED, REVOKED, INSUFFICIENT_SCOPE or RATE_LIMITED; `retry_after_seconds`
    is there where waiting helps.
    """

    valid: bool
    code: str
    key_id: str | None
    retry_after_seconds: int | None
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Verification":
        """Raises WrongServer for another shape."""
        return cls(
            valid=document.flag("valid"),
            code=document.text("code"),
            key_id=document.text("key_id") if document.has("key_id") else None,
            retry_after_seconds=document.integer("retry_after") if document.has("retry_after") else None,
            document=document.members,
        )
