"""A key and its secrets, as the API shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from latchkey.auth_context import AuthContext
from latchkey.client.document import Document
from latchkey.client.rate_limit import RateLimit, rate_limit_of
from latchkey.credentials import Credential, parse_credential


@dataclass(frozen=True, slots=True)
class Secret:
    """One of a key's secrets, without the secret. `state` is `active` or `retiring`."""

    id: int
    state: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def read(cls, document: Document) -> "Secret":
        """Raises WrongServer for another shape."""
        return cls(
            id=document.integer("id"),
            state=document.text("state"),
            created_at=document.moment("created_at"),
            expires_at=optional_moment(document, "expires_at"),
            last_used_at=optional_moment(document, "last_used_at"),
        )


@dataclass(frozen=True, slots=True)
class Key:
    """A key. `rate_limit` None is unlimited; `state` is `active`, `disabled`, `expired` or `revoked`; `document` is the
    JSON as it came.
    """

    auth: AuthContext
    rate_limit: RateLimit | None
    enabled: bool
    state: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    metadata: Mapping[str, Any]
    secrets: tuple[Secret, ...]
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def key_id(self) -> str:
        """`lk_` and 12 characters."""
        return self.auth.key_id

    @property
    def retiring(self) -> Secret | None:
        """The secret that a rotation is replacing; None where none is under way."""
        return next((secret for secret in self.secrets if secret.state == "retiring"), None)

    @classmethod
    def read(cls, document: Document) -> "Key":
        """Raises WrongServer for another shape."""
        return cls(
            auth=auth_of(document),
            rate_limit=rate_limit_of(document),
            enabled=document.flag("enabled"),
            state=document.text("state"),
            created_at=document.moment("created_at"),
            expires_at=optional_moment(document, "expires_at"),
            revoked_at=optional_moment(document, "revoked_at"),
            last_used_at=optional_moment(document, "last_used_at"),
            metadata=document.mapping("metadata"),
            secrets=tuple(Secret.read(secret) for secret in document.documents("secrets", "secret")),
            document=document.members,
        )


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key with its new credential, which no later answer shows. Its `repr` does not show the secret."""

    key: Key
    credential: Credential

    @classmethod
    def read(cls, document: Document) -> "IssuedKey":
        """Raises WrongServer for another shape, MalformedCredential where the credential is none."""
        return cls(Key.read(document), parse_credential(document.text("credential")))


def auth_of(document: Document) -> AuthContext:
    """The members by which a key is known."""
    return AuthContext(
        document.text("key_id"), document.text("label"), document.text("owner"), frozenset(document.texts("scopes"))
    )


def optional_moment(document: Document, name: str) -> datetime | None:
    """The member's time; None for null."""
    return document.moment(name) if document.has(name) else None
