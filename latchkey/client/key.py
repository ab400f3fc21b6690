"""Keys and their secrets, as the API shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from latchkey.auth_context import AuthContext
from latchkey.client.document import Document
from latchkey.client.limit import Limit, limits_in
from latchkey.client.rate_limit import RateLimit, rate_limit_of
from latchkey.credentials import Credential, parse_credential
from latchkey.rotation import RotationProgress


@dataclass(frozen=True, slots=True)
class Secret:
    """One of a key's secrets, without the secret itself. `state` is `active` or `retiring`."""

    id: int
    state: str
    created_at: datetime
    expires_at: datetime | None
    first_used_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def read(cls, document: Document) -> "Secret":
        """Return the secret in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            id=document.integer("id"),
            state=document.text("state"),
            created_at=document.time("created_at"),
            expires_at=optional_time(document, "expires_at"),
            first_used_at=optional_time(document, "first_used_at"),
            last_used_at=optional_time(document, "last_used_at"),
        )


@dataclass(frozen=True, slots=True)
class Key:
    """A key. `document` is the JSON as received.

    `rate_limit` is None if it's unlimited; `state` is `active`, `disabled`, `expired` or `revoked`. `plan` is the name
    of the key's own plan, None without one; `limits` are all limits of plans that apply to it, its owner's included.
    `etag` names the state that is shown, for `if_match`, and is None for a key from a list.
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
    etag: str | None = None
    plan: str | None = None
    limits: tuple[Limit, ...] = ()

    @property
    def key_id(self) -> str:
        """Return the key ID: `lk_` and 12 characters."""
        return self.auth.key_id

    @property
    def active(self) -> Secret | None:
        """Return the secret that stays; during a rotation, the new one."""
        return next((secret for secret in self.secrets if secret.state == "active"), None)

    @property
    def retiring(self) -> Secret | None:
        """Return the secret that a rotation is replacing, or None if no rotation is in progress."""
        return next((secret for secret in self.secrets if secret.state == "retiring"), None)

    def rotation_progress(self, now: datetime) -> RotationProgress | None:
        """Return how far the key's users have switched to its new secret, or None without a rotation in progress."""
        if self.retiring is None or self.active is None:
            return None
        first_used = self.active.first_used_at
        last_used = self.retiring.last_used_at
        return RotationProgress(
            new_first_used=(now - first_used).total_seconds() if first_used else None,
            old_last_used=(now - last_used).total_seconds() if last_used else None,
        )

    @classmethod
    def read(cls, document: Document, etag: str | None = None) -> "Key":
        """Return the key in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            auth=auth_of(document),
            rate_limit=rate_limit_of(document),
            enabled=document.boolean("enabled"),
            state=document.text("state"),
            created_at=document.time("created_at"),
            expires_at=optional_time(document, "expires_at"),
            revoked_at=optional_time(document, "revoked_at"),
            last_used_at=optional_time(document, "last_used_at"),
            metadata=document.mapping("metadata"),
            secrets=tuple(Secret.read(secret) for secret in document.documents("secrets", "secret")),
            document=document.fields,
            etag=etag,
            plan=document.text("plan") if document.has("plan") else None,
            limits=limits_in(document),
        )


@dataclass(frozen=True, slots=True)
class KeyReceipt:
    """What a caller without `keys:read` gets after it changed a key.

    It has the key ID, and in `document` the fields that the caller sent.
    """

    key_id: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    etag: str | None = field(default=None, compare=False)

    @property
    def active(self) -> None:
        """Return None: such a caller isn't shown secrets."""

    @property
    def retiring(self) -> None:
        """Return None: such a caller isn't shown secrets."""


def changed_key(document: Document, etag: str | None = None) -> Key | KeyReceipt:
    """Return the key or the receipt that a change returned. Raises WrongServer if its shape is wrong."""
    # Only a whole key has a state, whatever the caller changed.
    if "state" in document.fields:
        return Key.read(document, etag)
    return KeyReceipt(document.text("key_id"), document.fields, etag)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key with its new credential, which no later response shows. Its `repr` doesn't show the secret."""

    key: Key | KeyReceipt
    credential: Credential

    @classmethod
    def read(cls, document: Document, etag: str | None = None) -> "IssuedKey":
        """Return the issued key in `document`.

        Raises WrongServer if its shape is wrong, and MalformedCredential if its credential isn't one.
        """
        return cls(changed_key(document, etag), parse_credential(document.text("credential")))


def auth_of(document: Document) -> AuthContext:
    """Return the key ID, label, owner and scopes in `document`."""
    return AuthContext(
        document.text("key_id"), document.text("label"), document.text("owner"), frozenset(document.texts("scopes"))
    )


def optional_time(document: Document, name: str) -> datetime | None:
    """Return the field's time, or None for null."""
    return document.time(name) if document.has(name) else None
