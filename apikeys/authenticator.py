"""Authenticator: verifies credentials and charges requests to their keys. Every endpoint uses the same rule.

A request is authenticated with a cached record of its key. The result is as good as a read of the database for
every request. A rejection is final only if the bucket store confirms that the record's epoch is the newest, or if
the database was read. An allowed request is confirmed too, because the operation that takes its token returns the
epoch.

An unknown key ID and a wrong secret cost the same work, no matter what this process has cached: one digest
comparison per step, and two queries that find nothing. An imported token names no key. It is looked up by its digest,
and gets the same answer if there is none.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from time import time

from django.db import Error

from apikeys.address_limit import AddressLimit, failure_limit
from apikeys.auth_failures import count_failure
from apikeys.batch_charging import BatchCharger
from apikeys.cache.key_cache import HITS, KeyCache, default_key_cache
from apikeys.cache.records import KeyRecord
from apikeys.charging import UNCONFIRMED
from apikeys.credential_check import Verified
from apikeys.errors import InvalidCredential
from apikeys.imports.sources import default_import_sources
from apikeys.imports.tokens import Tokens
from apikeys.pending_authentication import AuthenticationResult, PendingAuthentication, verified_or_raise
from apikeys.peppers import configured_peppers
from apikeys.policies.policies import Policies, default_policies
from apikeys.reserving import ReservingCharger
from latchkey.buffered_metrics import CounterLike
from latchkey.credentials import NOT_A_CREDENTIAL, Credential, ImportedToken, MalformedCredential
from latchkey.peppers import Peppers
from latchkey.problems import ProblemError
from ratelimit.address_attempts import AttemptKind
from ratelimit.costs import Costs
from ratelimit.decision import Decision
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.stores import BucketStoreError


class Authenticator(BatchCharger, ReservingCharger):
    """Authenticates credentials and takes tokens from the buckets of keys. `now` returns Unix time in seconds."""

    def __init__(
        self,
        *,
        cache: KeyCache,
        limiter: Limiter,
        peppers: Peppers,
        address_limit: AddressLimit,
        tokens: Tokens,
        policies: Policies,
        now: Callable[[], float] = time,
        hits: CounterLike = HITS,
    ) -> None:
        super().__init__(cache, limiter, peppers, address_limit, now, tokens.sources.foreign_digest, policies)
        self._tokens = tokens
        self._hits = hits

    def with_metrics(self, limiter: Limiter, hits: CounterLike) -> "Authenticator":
        """Return the same authenticator with the metrics of `limiter` for decisions, and `hits` for hits of the
        key cache.
        """
        return Authenticator(
            cache=self._cache,
            limiter=limiter,
            peppers=self._peppers,
            address_limit=self._address_limit,
            tokens=self._tokens,
            policies=self._policies,
            now=self._now,
            hits=hits,
        )

    def authenticate(self, credential: Credential, address: str) -> Verified:
        """Return the key of a valid credential. Takes no token of the key.

        Raises InvalidCredential, ExpiredKey, DisabledKey or RevokedKey. Once the failures of `address` exceed
        AUTH_FAILURE_LIMIT, QuotaExceeded replaces InvalidCredential.
        """
        (result,) = self.authenticate_batch([(credential, address)])
        return verified_or_raise(result)

    def authenticate_batch(self, credentials: Sequence[tuple[Credential, str]]) -> list[AuthenticationResult]:
        """Authenticate several credentials like `authenticate`, each with its address.

        The results are in the same order. What `authenticate` raises is returned as a result. Two queries read
        all keys that are not cached.
        """
        batch = [PendingAuthentication(self._tokens.resolved(found), address) for found, address in credentials]
        for pending in batch:
            pending.resolve(partial(self._without_lookup, pending))
        self._look_up([pending for pending in batch if pending.result is None])
        return [self._counted(pending) for pending in batch]

    def authenticate_and_charge(self, credential: Credential, address: str, costs: Costs) -> tuple[Verified, Decision]:
        """Authenticate the credential and take `costs`: `authenticate` followed by `charge`."""
        return self.charge(self.authenticate(credential, address), address, costs)

    def authenticate_from_cache(self, credential: Credential) -> Verified | None:
        """Return the key of a valid credential if a cached record confirms it. Return None otherwise:
        `authenticate_and_charge` decides then.
        """
        credential = credential if credential.key_id else self._tokens.resolved(credential)
        record = self._cache.cached(credential.key_id, self._hits)
        # On the event loop. A client with invented key IDs must not make it wait for a page of the file each time.
        if record is None:
            return self._adopted(credential, waits=False)
        return self._verified_or_none(credential, record)

    def is_cold(self, credential: Credential) -> bool:
        """Return whether no cached record, however old, confirms the credential."""
        credential = self._tokens.resolved(credential)
        return self._verified_or_none(credential, self._cache.cached_at_any_age(credential.key_id)) is None

    def reauthenticate(self, credential: Credential, *, refresh: bool) -> Verified:
        """Authenticate again a caller that was authenticated before. A failure is neither counted nor charged.

        With `refresh` the database is read now; otherwise a cached record is sufficient. Raises the same errors as
        `authenticate`.
        """
        credential = self._tokens.resolved(credential)
        if refresh:
            epoch = self._limiter.epoch(credential.key_id)
            return self._authenticate_with(credential, self._cache.load(credential.key_id, epoch))
        return self._from_cache(credential) or self._from_database(credential)

    def ensure_fresh(self, verified: Verified) -> None:
        """Ensure that an old record is still current, for a caller that takes no token.

        Raises BucketStoreError or django.db.Error if neither the bucket store nor the database can confirm it.
        """
        record = verified.record
        if not self._cache.is_old(record):
            return
        if self._limiter.epoch(record.auth.key_id) > record.epoch or not self._limiter.confirms_epochs:
            self._cache.raise_while_down()
            raise BucketStoreError(UNCONFIRMED)

    def _without_lookup(self, pending: PendingAuthentication) -> Verified | None:
        """Return the key if a query is not needed for it. Return None if it is, and the address may cause one."""
        verified = self._from_cache(pending.credential)
        if verified is not None:
            return verified
        if not self.is_cold(pending.credential):
            # A valid key with an old record is allowed, no matter how many failures others cause from the same
            # address.
            return self._reloaded(pending.credential)
        pending.paid = self._address_limit.pay_for_lookup(pending.address)
        return None

    def _look_up(self, batch: Sequence[PendingAuthentication]) -> None:
        """Resolve the whole batch with two queries, and the imported tokens in it with two more."""
        tokens = [pending for pending in batch if isinstance(pending.credential, ImportedToken)]
        if tokens:
            self._look_up_tokens(tokens)
            batch = [pending for pending in batch if not isinstance(pending.credential, ImportedToken)]
        digests: dict[str, list[bytes]] = {}
        for pending in batch:
            credential = pending.credential
            digests.setdefault(credential.key_id, []).extend(self._peppers.digests(credential.secret))
        try:
            found = self._cache.look_up(digests) if digests else {}
        except Error as error:
            self._resolve_in_outage(batch, error)
            return
        for pending in batch:
            record = found.get(pending.credential.key_id)
            pending.resolve(partial(self._authenticate_with, pending.credential, record))

    def _look_up_tokens(self, batch: Sequence[PendingAuthentication]) -> None:
        """Resolve imported tokens, which don't name their keys, with two queries."""
        tokens = [pending.credential for pending in batch if isinstance(pending.credential, ImportedToken)]
        try:
            found = self._tokens.look_up(tokens, self._cache)
        except Error as error:
            self._resolve_in_outage(batch, error)
            return
        for pending, (token, record, has_shape) in zip(batch, found, strict=True):
            if not has_shape:
                # This process didn't know the sources before.
                pending.result = MalformedCredential(NOT_A_CREDENTIAL)
                continue
            pending.resolve(partial(self._authenticate_with, token, record))
            if isinstance(pending.result, Verified):
                self._tokens.record_use(pending.result)

    def _resolve_in_outage(self, batch: Sequence[PendingAuthentication], error: Error) -> None:
        for pending in batch:
            pending.resolve(partial(self._in_outage, pending.credential, error))

    def _counted(self, pending: PendingAuthentication) -> AuthenticationResult:
        """Return the result; count and charge it if it is a failure."""
        result = pending.final_result
        try:
            if isinstance(result, ProblemError):
                return count_failure(result, self._address_limit, pending.address, paid=pending.paid)
        except BucketStoreError as error:
            return error
        return result

    def _from_cache(self, credential: Credential) -> Verified | None:
        """Authenticate with a cached record, or return None if the database has to be read. Raises what
        `authenticate` raises.
        """
        record = self._cache.cached(credential.key_id, self._hits)
        if record is None:
            return self._adopted(credential, waits=True)
        try:
            return self._authenticate_with(credential, record)
        except InvalidCredential:
            return None
        except ProblemError:
            # The cached record says that the key is expired, disabled or revoked. That is final only if it is the
            # newest.
            epoch = self._limiter.epoch(credential.key_id)
            if epoch <= record.epoch:
                raise
        return self._authenticate_with(credential, self._cache.load(credential.key_id, epoch))

    def _adopted(self, credential: Credential, *, waits: bool) -> Verified | None:
        """Authenticate with a record that another process of this host has read, and cache it. Return None if there is
        none that confirms the credential: the database decides then.
        """
        # The event loop can't read policies.
        if self._policies.known is None:
            return self._verified_or_none(credential, None)
        found = self._cache.find_shared(credential.key_id, waits=waits)
        verified = self._verified_or_none(credential, found and found.read.record)
        return verified if verified is not None and found is not None and self._cache.adopt(found) else None

    def _from_database(self, credential: Credential) -> Verified:
        """Authenticate with the database. Raises what `authenticate` raises, and django.db.Error if the database is
        down.
        """
        if not self.is_cold(credential):
            return self._reloaded(credential)
        pending = PendingAuthentication(credential)
        self._look_up([pending])
        return verified_or_raise(pending.final_result)

    def _reloaded(self, credential: Credential) -> Verified:
        """Authenticate with the database a credential that an old cached record confirms."""
        try:
            # This replaces the old record, so that a secret that has been retired since is no longer confirmed by
            # it.
            record = self._cache.load(credential.key_id)
        except Error as error:
            return self._in_outage(credential, error)
        return self._authenticate_with(credential, record)

    def _in_outage(self, credential: Credential, error: Error) -> Verified:
        """Authenticate with an old record while the database is down. Raises `error` if there is none."""
        verified = self._from_cache(credential)
        if verified is None:
            raise error
        return verified

    def _verified_or_none(self, credential: Credential, record: KeyRecord | None) -> Verified | None:
        """Return the key if the record confirms the credential, or None otherwise."""
        try:
            return self._authenticate_with(credential, record)
        except ProblemError:
            return None


@cache
def default_authenticator() -> Authenticator:
    """Return the authenticator of this process, created once from the settings."""
    return Authenticator(
        cache=default_key_cache(),
        limiter=default_limiter(),
        peppers=configured_peppers(),
        address_limit=AddressLimit(default_limiter(), failure_limit(), AttemptKind.CREDENTIAL),
        tokens=Tokens(configured_peppers(), default_import_sources()),
        policies=default_policies(),
    )
