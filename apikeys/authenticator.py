"""Authenticator: verifies credentials and charges requests to their keys. Every endpoint uses the same rule.

A request is authenticated with a cached record of its key. The result is as good as a read of the database for
every request. A rejection is final only if the bucket store confirms that the record's epoch is the newest, or if
the database was read. An allowed request is confirmed too, because the operation that takes its token returns the
epoch.

An unknown key ID and a wrong secret cost the same work, no matter what this process has cached: one digest
comparison per step, and one query that finds nothing.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from time import time
from typing import Final, NamedTuple

import structlog
from django.db import Error
from prometheus_client import Counter

from apikeys.address_limit import AddressLimit, failure_limit
from apikeys.cache.key_cache import HITS, KeyCache, default_key_cache
from apikeys.cache.records import KeyRecord, SecretRecord
from apikeys.errors import DisabledKey, ExpiredKey, InvalidCredential, QuotaExceeded, RevokedKey
from apikeys.peppers import configured_peppers
from latchkey import metric_names
from latchkey.buffered_metrics import CounterLike
from latchkey.credentials import Credential
from latchkey.peppers import Peppers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import ProblemError
from ratelimit.bucket import TakeRequest
from ratelimit.decision import Decision
from ratelimit.limiter import Attempt, DecisionResult, Limiter, default_limiter
from ratelimit.stores import BucketStoreError

FAILURES: Final = Counter(metric_names.AUTH_FAILURES, "Requests whose credential was rejected, by reason.", ["reason"])
# Create every series at the start. Prometheus can't see the first increase of a series that doesn't exist yet.
for _slug, _problem in CATALOGUE.items():
    if _problem.status == 401 or _slug == "ambiguous-credential":
        FAILURES.labels(_slug)

UNCONFIRMED: Final = "the key's cached record is stale, and its current state can't be confirmed"

log = structlog.get_logger(__name__)


class Verified(NamedTuple):
    """A valid credential, the record that confirmed it, and the slot of its secret."""

    credential: Credential
    record: KeyRecord
    slot: int


Verdict = Verified | ProblemError | Error | BucketStoreError
"""Result of an authentication: the verified credential, or the error that prevented it."""

Charged = DecisionResult
"""Result of one of several charges. None means that the key has changed and nothing was taken."""


class Authenticator:
    """Authenticates credentials and takes tokens from the buckets of keys. `now` returns Unix time in seconds."""

    def __init__(
        self,
        *,
        directory: KeyCache,
        limiter: Limiter,
        peppers: Peppers,
        address_limit: AddressLimit,
        now: Callable[[], float] = time,
        hits: CounterLike = HITS,
    ) -> None:
        self._directory = directory
        self._limiter = limiter
        self._peppers = peppers
        self._address_limit = address_limit
        # An unknown key ID is compared with this digest, so that it takes as long as a wrong secret.
        self._decoy = (SecretRecord(bytes(32), peppers.current, 0, None),)
        self._now = now
        self._hits = hits

    def with_metrics(self, limiter: Limiter, hits: CounterLike) -> "Authenticator":
        """Return the same authenticator with the metrics of `limiter` for decisions, and `hits` for hits of the
        key cache.
        """
        return Authenticator(
            directory=self._directory,
            limiter=limiter,
            peppers=self._peppers,
            address_limit=self._address_limit,
            now=self._now,
            hits=hits,
        )

    def verify(self, credential: Credential, address: str) -> Verified:
        """Return the key of a valid credential. Takes no token of the key.

        Raises InvalidCredential, ExpiredKey, DisabledKey or RevokedKey. Once the failures of `address` exceed
        AUTH_FAILURE_LIMIT, QuotaExceeded replaces InvalidCredential.
        """
        (verdict,) = self.verify_together([(credential, address)])
        return _verified(verdict)

    def verify_together(self, asked: Sequence[tuple[Credential, str]]) -> list[Verdict]:
        """Authenticate several credentials like `verify`, each with its address.

        The results are in the same order. What `verify` raises is returned as a result. A single query reads all
        keys that are not cached.
        """
        attempts = [_Attempt(credential, address) for credential, address in asked]
        for attempt in attempts:
            attempt.settle(partial(self._without_look_up, attempt))
        self._look_up([attempt for attempt in attempts if attempt.verdict is None])
        return [self._counted(attempt) for attempt in attempts]

    def confirm(self, credential: Credential, *, anew: bool) -> Verified:
        """Authenticate again a caller that was authenticated before. A failure is neither counted nor charged.

        With `anew` the database is read now; otherwise a cached record is sufficient. Raises the same errors as
        `verify`.
        """
        if anew:
            epoch = self._limiter.epoch(credential.key_id)
            return self._judge(credential, self._directory.load(credential.key_id, epoch))
        return self._by_memory(credential) or self._by_database(credential)

    def vouch(self, verified: Verified) -> None:
        """Ensure that an old record is still current, for a caller that takes no token.

        Raises BucketStoreError or django.db.Error if neither the bucket store nor the database can confirm it.
        """
        record = verified.record
        if not self._directory.is_old(record):
            return
        if self._limiter.epoch(record.auth.key_id) > record.epoch or not self._limiter.confirms_epochs:
            self._directory.refuse_while_down()
            raise BucketStoreError(UNCONFIRMED)

    def admit(self, credential: Credential, address: str, cost: int) -> tuple[Verified, Decision]:
        """Authenticate the credential and take `cost` tokens: `verify` followed by `charge`."""
        return self.charge(self.verify(credential, address), address, cost)

    def verify_from_memory(self, credential: Credential) -> Verified | None:
        """Return the key of a valid credential if a cached record confirms it. Return None otherwise: `admit`
        decides then.
        """
        return self._judged_right(credential, self._directory.cached(credential.key_id, self._hits))

    def doubts(self, credential: Credential) -> bool:
        """Return whether no cached record, however old, confirms the credential."""
        return self._judged_right(credential, self._directory.remembered(credential.key_id)) is None

    def charge_together(self, asked: Sequence[tuple[Verified, int]]) -> list[Charged]:
        """Take tokens for several requests like `charge`, in one call of the bucket store, each with its cost.

        The results are in the same order. A result is None if the key has changed, so that nothing was taken and
        `admit` has to decide. If this raises, nothing was taken at all.
        """
        return self._charges(asked, self._limiter.take_many(_takes(asked)))

    async def charge_together_on_loop(self, asked: Sequence[tuple[Verified, int]]) -> list[Charged]:
        """Take tokens like `charge_together` if the bucket store is remote, without blocking the event loop."""
        return self._charges(asked, await self._limiter.take_many_on_loop(_takes(asked)))

    @property
    def store_is_remote(self) -> bool:
        """Return whether taking tokens is a round trip over a network."""
        return self._limiter.store_is_remote

    def charge(self, verified: Verified, address: str | None, cost: int = 1) -> tuple[Verified, Decision]:
        """Take `cost` tokens of the key's bucket. Return the decision, which may be a denial, and the record it is
        based on.

        If the key has changed since `verified`, it is loaded and authenticated again before anything is taken. So
        this raises the same errors as `verify`, or as `confirm` without an `address`.
        """
        while True:
            record = verified.record
            decision = self._limiter.take(
                verified.credential.key_id, record.limit, cost=cost, epoch=record.epoch, slot=verified.slot
            )
            if decision.epoch <= record.epoch and not self._unconfirmed(record):
                return verified, decision
            try:
                newest = self._directory.load(verified.credential.key_id, decision.epoch)
                # The record was old, but is still current.
                if newest is not None and newest.epoch == record.epoch:
                    return verified, decision
                verified = self._judge(verified.credential, newest)
            except ProblemError as refusal:
                raise (refusal if address is None else self._refused(refusal, address)) from None

    def _charges(self, asked: Sequence[tuple[Verified, int]], decided: Sequence[DecisionResult]) -> list[Charged]:
        charges: list[Charged] = [
            None if isinstance(decision, Decision) and decision.epoch > verified.record.epoch else decision
            for (verified, _), decision in zip(asked, decided, strict=True)
        ]
        if not self._limiter.confirms_epochs:
            for place, (verified, _) in enumerate(asked):
                # The fallback may not know of a change, so an old record is not sufficient.
                if isinstance(charges[place], Decision) and self._directory.is_old(verified.record):
                    # If the database is up, `admit` reads it. The token that this host's local bucket gave is
                    # lost.
                    charges[place] = BucketStoreError(UNCONFIRMED) if self._directory.database_is_down else None
        return charges

    def _unconfirmed(self, record: KeyRecord) -> bool:
        """Return whether the record is old and the bucket store has switched to its fallback, which may not know
        of a change.
        """
        return not self._limiter.confirms_epochs and self._directory.is_old(record)

    def _without_look_up(self, attempt: "_Attempt") -> Verified | None:
        """Return the key if a query is not needed for it. Return None if it is, and the address may cause one."""
        verified = self._by_memory(attempt.credential)
        if verified is not None:
            return verified
        if not self.doubts(attempt.credential):
            # A valid key with an old record is allowed, no matter how many failures others cause from the same
            # address.
            return self._reloaded(attempt.credential)
        attempt.paid = self._address_limit.pay_for_look_up(attempt.address)
        return None

    def _look_up(self, attempts: "Sequence[_Attempt]") -> None:
        """Settle all attempts with one query."""
        digests: dict[str, list[bytes]] = {}
        for attempt in attempts:
            credential = attempt.credential
            digests.setdefault(credential.key_id, []).extend(self._peppers.digests(credential.secret))
        try:
            found = self._directory.look_up(digests) if digests else {}
        except Error as error:
            for attempt in attempts:
                attempt.settle(partial(self._in_outage, attempt.credential, error))
            return
        for attempt in attempts:
            attempt.settle(partial(self._judge, attempt.credential, found.get(attempt.credential.key_id)))

    def _counted(self, attempt: "_Attempt") -> Verdict:
        """Return the result of the attempt; count and charge it if it is a failure."""
        verdict = attempt.settled
        try:
            if isinstance(verdict, ProblemError):
                return self._refused(verdict, attempt.address, paid=attempt.paid)
        except BucketStoreError as error:
            return error
        return verdict

    def _by_memory(self, credential: Credential) -> Verified | None:
        """Authenticate with a cached record, or return None if the database has to be read. Raises what `verify`
        raises.
        """
        record = self._directory.cached(credential.key_id, self._hits)
        try:
            return self._judge(credential, record)
        except InvalidCredential:
            return None
        except ProblemError:
            # The cached record says that the key is expired, disabled or revoked. That is final only if it is the
            # newest.
            epoch = self._limiter.epoch(credential.key_id)
            if record is None or epoch <= record.epoch:
                raise
        return self._judge(credential, self._directory.load(credential.key_id, epoch))

    def _by_database(self, credential: Credential) -> Verified:
        """Authenticate with the database. Raises what `verify` raises, and django.db.Error if the database is down."""
        if not self.doubts(credential):
            return self._reloaded(credential)
        attempt = _Attempt(credential)
        self._look_up([attempt])
        return _verified(attempt.settled)

    def _reloaded(self, credential: Credential) -> Verified:
        """Authenticate with the database a credential that an old cached record confirms."""
        try:
            # This replaces the old record, so that a secret that has been retired since is no longer confirmed by
            # it.
            record = self._directory.load(credential.key_id)
        except Error as error:
            return self._in_outage(credential, error)
        return self._judge(credential, record)

    def _in_outage(self, credential: Credential, error: Error) -> Verified:
        """Authenticate with an old record while the database is down. Raises `error` if there is none."""
        verified = self._by_memory(credential)
        if verified is None:
            raise error
        return verified

    def _judged_right(self, credential: Credential, record: KeyRecord | None) -> Verified | None:
        """Return the key if the record confirms the credential, or None otherwise."""
        try:
            return self._judge(credential, record)
        except ProblemError:
            return None

    def _judge(self, credential: Credential, record: KeyRecord | None) -> Verified:
        """Authenticate the credential with `record`; None means that the key does not exist. Raises what `verify`
        raises.
        """
        now = self._now()
        # Compare the secret first: only a caller with the right secret may learn that a key is revoked, disabled
        # or expired.
        slot = self._matching_slot(credential.secret, record, now)
        if record is None or slot is None:
            raise InvalidCredential("The key ID is unknown or the secret is wrong.", credential.key_id)
        if record.revoked:
            raise RevokedKey("This key was revoked.", credential.key_id)
        if not record.enabled:
            raise DisabledKey("This key is disabled.", credential.key_id)
        if record.expires_at is not None and record.expires_at <= now:
            raise ExpiredKey("This key has expired.", credential.key_id)
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
        """Return the digest under an older pepper, or an empty one, which never matches, if that pepper is not
        configured.
        """
        if pepper_id not in self._peppers.by_id:
            log.error("pepper_missing", pepper_id=pepper_id)
            return b""
        return self._peppers.digest(secret, pepper_id)

    def _refused(self, refusal: ProblemError, address: str, *, paid: bool = False) -> ProblemError:
        """Count a failure, and charge a wrong secret to the address. Return the error to raise."""
        if isinstance(refusal, QuotaExceeded):
            FAILURES.labels(InvalidCredential.slug).inc()
            return refusal
        FAILURES.labels(refusal.slug).inc()
        if paid or not isinstance(refusal, InvalidCredential):
            return refusal
        # Never charge the key: otherwise any client could use up the limit of a key whose ID it knows.
        return self._address_limit.charge(address) or refusal


@dataclass(slots=True)
class _Attempt:
    """One of several credentials to authenticate.

    `paid` says whether `address` was already charged. `verdict` is the result, or None until the attempt is
    settled.
    """

    credential: Credential
    address: str = ""
    paid: bool = False
    verdict: Verdict | None = None

    @property
    def settled(self) -> Verdict:
        """Return the result. Raises TypeError if there is none yet."""
        if self.verdict is None:
            raise TypeError("the attempt is not settled")
        return self.verdict

    def settle(self, decide: Callable[[], Verified | None]) -> None:
        """Store what `decide` returns or raises as the result."""
        try:
            self.verdict = decide()
        except (ProblemError, Error, BucketStoreError) as error:
            self.verdict = error


def _verified(verdict: Verdict) -> Verified:
    """Return the key, or raise the error that is there instead."""
    if isinstance(verdict, Exception):
        raise verdict
    return verdict


def _takes(asked: Sequence[tuple[Verified, int]]) -> list[TakeRequest]:
    return [(v.credential.key_id.encode(), v.record.limit, cost, v.record.epoch, v.slot) for v, cost in asked]


@cache
def default_authenticator() -> Authenticator:
    """Return the authenticator of this process, created once from the settings."""
    return Authenticator(
        directory=default_key_cache(),
        limiter=default_limiter(),
        peppers=configured_peppers(),
        address_limit=AddressLimit(default_limiter(), failure_limit(), Attempt.CREDENTIAL),
    )
