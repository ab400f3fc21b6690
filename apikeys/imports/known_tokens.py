"""Known tokens: the key of each imported token that this process has looked up."""

from collections import OrderedDict
from threading import Lock
from typing import Final

from latchkey.credentials import Credential, ImportedToken
from latchkey.peppers import Peppers

CAPACITY: Final = 50_000


class KnownTokens:
    """Bounded LRU map from imported tokens to key IDs, shared by all threads of a process.

    It holds digests in place of tokens. An entry never becomes wrong: a token belongs to one key, and whether that key
    still has the token is in the key's record.
    """

    def __init__(self, peppers: Peppers, capacity: int = CAPACITY) -> None:
        self._peppers = peppers
        self._capacity = capacity
        self._lock = Lock()
        self._key_ids: OrderedDict[bytes, str] = OrderedDict()

    def resolved(self, credential: Credential) -> Credential:
        """Return the token with its key ID if that is known, or the credential itself."""
        digest = self._peppers.digest(credential.secret, self._peppers.current)
        with self._lock:
            key_id = self._key_ids.get(digest)
            if key_id is None:
                return credential
            self._key_ids.move_to_end(digest)
        return ImportedToken(key_id, credential.secret)

    def add(self, token: Credential) -> None:
        """Add a token whose key was found. Unknown tokens are never added, so a flood of them evicts nothing."""
        digest = self._peppers.digest(token.secret, self._peppers.current)
        with self._lock:
            self._key_ids[digest] = token.key_id
            self._key_ids.move_to_end(digest)
            if len(self._key_ids) > self._capacity:
                self._key_ids.popitem(last=False)
