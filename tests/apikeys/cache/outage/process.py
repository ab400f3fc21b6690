"""A process with a key cache, whose database can fail and whose bucket store can switch to its fallback."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from django.db import OperationalError
from django.utils import timezone

from apikeys.address_limit import AddressLimit
from apikeys.authenticator import Authenticator
from apikeys.cache.key_cache import KeyCache
from apikeys.cache.records import KeyRecord, read_records, read_records_with
from apikeys.imports.sources import default_import_sources
from apikeys.imports.tokens import Tokens
from apikeys.peppers import configured_peppers
from apikeys.policies.policies import Policies
from latchkey.credentials import Credential
from ratelimit.address_attempts import AttemptKind
from ratelimit.costs import ONE
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.stores import MemoryStore

ADDRESS = "203.0.113.7"

STALE_SECONDS = 60.0

T = TypeVar("T")


class Database:
    """The key cache's way to the database, and whether it works."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[list[str]] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def read(self, key_ids: list[str]) -> dict[str, KeyRecord]:
        self.asked.append(list(key_ids))
        if self.away:
            raise OperationalError("away")
        found = read_records(key_ids)
        self.meanwhile()
        return found

    def read_with(self, digests: Mapping[str, Sequence[bytes]]) -> dict[str, KeyRecord]:
        self.asked.append(list(digests))
        if self.away:
            raise OperationalError("away")
        return read_records_with(digests)

    def follow(self, read: Callable[..., T]) -> Callable[..., T]:
        """Return `read`, a query of the change feed, as it is while the database works."""

        def followed(*arguments: object) -> T:
            if self.away:
                raise OperationalError("away")
            return read(*arguments)

        return followed


class SharedStore(MemoryStore):
    """A store that may be on its fallback, where it confirms nothing."""

    confirms_epochs = True


class Process:
    """A worker: its own key cache, its own clock, the store that all share."""

    def __init__(self, limiter: Limiter) -> None:
        self.seconds = 100.0
        self.limiter = limiter
        self.cache = KeyCache(
            clock=lambda: self.seconds, stale_seconds=STALE_SECONDS, confirms=lambda: limiter.confirms_epochs
        )
        self.authenticator = Authenticator(
            cache=self.cache,
            limiter=limiter,
            peppers=configured_peppers(),
            address_limit=AddressLimit(limiter, Limit(3, 60), AttemptKind.CREDENTIAL, lambda: self.seconds),
            tokens=Tokens(configured_peppers(), default_import_sources()),
            policies=Policies(limiter),
            now=lambda: timezone.now().timestamp(),
        )

    def follow(self) -> bool:
        """The second passes after which the change feed is asked; False where the database does not answer."""
        return self.cache.poller.run_once()

    def passes(self, credential: Credential) -> bool:
        """One whole request; False where its bucket denies it."""
        return self.authenticator.authenticate_and_charge(credential, ADDRESS, ONE)[1].allowed
