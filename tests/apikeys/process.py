"""A process with its own key cache, which shares the bucket store."""

from django.utils import timezone

from apikeys.address_limit import AddressLimit
from apikeys.authenticator import Authenticator
from apikeys.cache.key_cache import KeyCache
from apikeys.config_service import IssuedKey
from apikeys.imports.sources import default_import_sources
from apikeys.imports.tokens import Tokens
from apikeys.peppers import configured_peppers
from apikeys.policies.policies import Policies
from latchkey.credentials import Credential
from latchkey.peppers import Peppers
from ratelimit.address_attempts import AttemptKind
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.stores import MemoryStore

ADDRESS = "203.0.113.7"

FAILURE_LIMIT = Limit(3, 60)


class Process:
    """A worker with its own key cache."""

    def __init__(self, limiter: Limiter, peppers: Peppers | None = None, failure_limit: Limit = FAILURE_LIMIT) -> None:
        self.limiter = limiter
        self.monotonic = 100.0
        self.wall = timezone.now()
        self.cache = KeyCache(clock=lambda: self.monotonic)
        self.tokens = Tokens(peppers or configured_peppers(), default_import_sources())
        self.authenticator = Authenticator(
            cache=self.cache,
            limiter=limiter,
            peppers=peppers or configured_peppers(),
            address_limit=AddressLimit(limiter, failure_limit, AttemptKind.CREDENTIAL, lambda: self.monotonic),
            tokens=self.tokens,
            policies=Policies(limiter),
            now=lambda: self.wall.timestamp(),
        )

    def passes(self, credential: Credential) -> bool:
        """Authenticate and charge one request. Return False if its bucket denies it."""
        return self.authenticator.charge(self.authenticator.authenticate(credential, ADDRESS), ADDRESS)[1].allowed


def tokens_used(store: MemoryStore, key: IssuedKey) -> int:
    """Return how many requests of the key were allowed."""
    return store.peek(key.key.key_id.encode()).allowed
