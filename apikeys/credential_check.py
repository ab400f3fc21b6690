"""Check of a credential against the record of its key: the one rule of every authentication.

An unknown key ID and a wrong secret cost the same work: one digest comparison per secret.
"""

import hmac
from collections.abc import Callable
from typing import NamedTuple

import structlog

from apikeys.cache.records import FOREIGN, KeyRecord, SecretRecord
from apikeys.errors import DisabledKey, ExpiredKey, InvalidCredential, RevokedKey
from latchkey.credentials import TOKEN_PREFIX, Credential
from latchkey.denials import KEY_DENIALS
from latchkey.peppers import Peppers

log = structlog.get_logger(__name__)


class Verified(NamedTuple):
    """A valid credential, the record that confirmed it, and the slot of its secret."""

    credential: Credential
    record: KeyRecord
    slot: int

    @property
    def foreign_digest(self) -> bytes | None:
        """Return the imported digest that confirmed the credential, or None if it is one under a pepper of ours."""
        secret = next(secret for secret in self.record.secrets if secret.slot == self.slot)
        return secret.digest if secret.pepper_id.startswith(FOREIGN) else None


class CredentialCheck:
    """Checks credentials against key records. `now` returns Unix time in seconds.

    `foreign_digest` returns the digest of an imported token by the function with which it was imported.
    """

    def __init__(self, peppers: Peppers, now: Callable[[], float], foreign_digest: Callable[[str, str], bytes]) -> None:
        self._peppers = peppers
        self._foreign_digest = foreign_digest
        self._now = now
        # An unknown key ID is compared with this digest, so that it takes as long as a wrong secret.
        self._decoy = (SecretRecord(bytes(32), peppers.current, 0, None),)

    def _authenticate_with(self, credential: Credential, record: KeyRecord | None) -> Verified:
        """Authenticate the credential with `record`; None means that the key does not exist.

        Raises InvalidCredential, RevokedKey, DisabledKey or ExpiredKey.
        """
        now = self._now()
        # Compare the secret first: only a caller with the right secret may learn that a key is revoked, disabled
        # or expired.
        slot = self._matching_slot(credential.secret, record, now)
        if record is None or slot is None:
            raise InvalidCredential(KEY_DENIALS[InvalidCredential.slug], credential.key_id)
        if record.revoked:
            raise RevokedKey(KEY_DENIALS[RevokedKey.slug], credential.key_id)
        if not record.enabled:
            raise DisabledKey(KEY_DENIALS[DisabledKey.slug], credential.key_id)
        if record.expires_at is not None and record.expires_at <= now:
            raise ExpiredKey(KEY_DENIALS[ExpiredKey.slug], credential.key_id)
        return Verified(credential, record, slot)

    def _matching_slot(self, secret: str, record: KeyRecord | None, now: float) -> int | None:
        """Return the slot of the matching secret, or None."""
        peppers = self._peppers
        current = peppers.current
        digest = peppers.digest(secret, current)
        slot = None
        # Constant time: compare every digest without an early exit, and a decoy for an unknown key. The time must
        # not reveal which digest matched or whether the key exists.
        for candidate in record.secrets if record is not None else self._decoy:
            found = digest if candidate.pepper_id == current else self._digest(secret, candidate.pepper_id)
            alive = candidate.expires_at is None or now < candidate.expires_at
            if hmac.compare_digest(found, candidate.digest) and alive:
                slot = candidate.slot
        return slot

    def _digest(self, secret: str, pepper_id: str) -> bytes:
        """Return the digest under an older pepper or a foreign hash. Return an empty one, which never matches, if
        that pepper is not configured, or if the secret is not an imported token.
        """
        if pepper_id.startswith(FOREIGN):
            if not secret.startswith(TOKEN_PREFIX):
                return b""
            return self._foreign_digest(secret.removeprefix(TOKEN_PREFIX), pepper_id.removeprefix(FOREIGN))
        if pepper_id not in self._peppers.by_id:
            log.error("pepper_missing", pepper_id=pepper_id)
            return b""
        return self._peppers.digest(secret, pepper_id)
