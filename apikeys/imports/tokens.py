"""Imported tokens of requests: how their keys are found, and what follows from their first use."""

from collections.abc import Sequence
from typing import NamedTuple

from apikeys.cache.key_cache import KeyCache
from apikeys.cache.records import KeyRecord
from apikeys.credential_check import Verified
from apikeys.imports.first_use import FirstUses
from apikeys.imports.known_tokens import KnownTokens
from apikeys.imports.sources import ImportSources
from latchkey.credentials import Credential, ImportedToken
from latchkey.peppers import Peppers


class FoundToken(NamedTuple):
    """A token with the record of its key, or None if no key has it. `has_shape` says whether it is a token at all."""

    token: ImportedToken
    record: KeyRecord | None
    has_shape: bool


class Tokens:
    """Finds the keys of imported tokens. A credential of our own names its key, so it passes through unchanged."""

    def __init__(self, peppers: Peppers, sources: ImportSources) -> None:
        self.sources = sources
        self.first_uses = FirstUses(peppers)
        self._peppers = peppers
        self._known = KnownTokens(peppers)

    def resolved(self, credential: Credential) -> Credential:
        """Return a token with its key ID, if this process knows it, and any other credential unchanged."""
        return credential if credential.key_id else self._known.resolved(credential)

    def look_up(self, tokens: Sequence[ImportedToken], cache: KeyCache) -> list[FoundToken]:
        """Return each token with its key ID and its key's record, in the same order.

        Two queries find all of them, and none runs if no source has tokens of such a shape. Raises
        django.db.Error.
        """
        digests = [self._digests(token) for token in tokens]
        every = [digest for of_token in digests for digest in of_token]
        records = cache.look_up_tokens(len(tokens), every) if every else {}
        found = []
        for token, of_token in zip(tokens, digests, strict=True):
            record = next((records[digest] for digest in of_token if digest in records), None)
            resolved = ImportedToken(record.auth.key_id, token.secret) if record else token
            found.append(FoundToken(resolved, record, has_shape=bool(of_token)))
        return found

    def record_use(self, verified: Verified) -> None:
        """Remember the key of a token that was looked up, and replace its digest if this was its first use."""
        self._known.add(verified.credential)
        foreign = verified.foreign_digest
        if foreign is not None:
            self.first_uses.enqueue(foreign, verified.credential.secret)

    def _digests(self, token: ImportedToken) -> list[bytes]:
        foreign = self.sources.digests(token.token)
        # A token that no source's shape matches can't be of a used key either.
        return [*foreign, *self._peppers.digests(token.secret)] if foreign else []
