"""The gate: whether a credential may pass, and what it costs its key. The same rule behind every door.

A request is judged by a cached record of its key. Two things keep that as good as asking the database each time: no
refusal is final until the bucket store says that the record's epoch is the newest, or the database was asked, and no
pass is either, as the epoch comes back with the very step that takes the token.

An unknown key id and a wrong secret cost the same work, whatever this process has in memory: one comparison in each
step, and one query that finds nothing.
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
from apikeys.directory import HITS, KeyDirectory, default_directory
from apikeys.errors import DisabledKey, ExpiredKey, InvalidCredential, QuotaExceeded, RevokedKey
from apikeys.key_record import KeyRecord, SecretRecord
from apikeys.peppers import configured_peppers
from latchkey import metric_names
from latchkey.credentials import Credential
from latchkey.peppers import Peppers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import ProblemError
from ratelimit.bucket import Asked
from ratelimit.decision import Decision
from ratelimit.limiter import Attempt, Decided, Limiter, default_limiter
from ratelimit.pending import Counts
from ratelimit.stores import BucketStoreError

FAILURES: Final = Counter(metric_names.AUTH_FAILURES, "Requests whose credential was refused, by reason.", ["reason"])
for _slug, _problem in CATALOGUE.items():
    if _problem.status == 401 or _slug == "ambiguous-credential":
        FAILURES.labels(_slug)  # the series is there from the start, so that its first increase is seen

UNCONFIRMED: Final = "a record of the key is old, and nothing tells whether the key has changed since"

log = structlog.get_logger(__name__)


class Verified(NamedTuple):
    """A credential that was right, the record that says so, and the slot of its secret."""

    credential: Credential
    record: KeyRecord
    slot: int


Verdict = Verified | ProblemError | Error | BucketStoreError
"""What is found out about a credential: its key, or why there is none."""

Charged = Decided
"""What became of one of several charges; None where the key has changed, and nothing was taken."""


class Gate:
    """Verifies credentials and charges keys. `now` is the wall clock in seconds."""

    def __init__(
        self,
        *,
        directory: KeyDirectory,
        limiter: Limiter,
        peppers: Peppers,
        address_limit: AddressLimit,
        now: Callable[[], float] = time,
        hits: Counts = HITS,
    ) -> None:
        self._directory = directory
        self._limiter = limiter
        self._peppers = peppers
        self._address_limit = address_limit
        self._decoy = (SecretRecord(bytes(32), peppers.current, 0, None),)
        self._now = now
        self._hits = hits

    def with_metrics(self, limiter: Limiter, hits: Counts) -> "Gate":
        """The same gate, which tells its decisions as `limiter` does and its looks at the directory to `hits`."""
        return Gate(
            directory=self._directory,
            limiter=limiter,
            peppers=self._peppers,
            address_limit=self._address_limit,
            now=self._now,
            hits=hits,
        )

    def verify(self, credential: Credential, address: str) -> Verified:
        """The credential's key, where the secret is right and the key may be used. Nothing is charged to the key.

        Raises InvalidCredential (or, once the failures of `address` are over AUTH_FAILURE_LIMIT, QuotaExceeded),
        ExpiredKey, DisabledKey or RevokedKey.
        """
        (verdict,) = self.verify_together([(credential, address)])
        return _verified(verdict)

    def verify_together(self, asked: Sequence[tuple[Credential, str]]) -> list[Verdict]:
        """As `verify`, for several, each with its address: one query looks up all that need one. The verdicts are in
        the same order. What `verify` raises is a verdict here.
        """
        attempts = [_Attempt(credential, address) for credential, address in asked]
        for attempt in attempts:
            attempt.settle(partial(self._without_look_up, attempt))
        self._look_up([attempt for attempt in attempts if attempt.verdict is None])
        return [self._counted(attempt) for attempt in attempts]

    def confirm(self, credential: Credential, *, anew: bool) -> Verified:
        """As `verify`, for a caller that has passed before: a refusal is no attempt, and neither counted nor paid.

        `anew`: by what the database says now and not by a record in memory.
        """
        if anew:
            epoch = self._limiter.epoch(credential.key_id)
            return self._judge(credential, self._directory.load(credential.key_id, epoch))
        return self._by_memory(credential) or self._by_database(credential)

    def vouch(self, verified: Verified) -> None:
        """For a caller who takes no token, by which the bucket store would tell: that the key has not changed since its
        record was read, where that is old. Raises BucketStoreError or django.db.Error where nobody can say.
        """
        record = verified.record
        if not self._directory.is_old(record):
            return
        if self._limiter.epoch(record.auth.key_id) > record.epoch or not self._limiter.confirms_epochs:
            self._directory.refuse_while_down()
            raise BucketStoreError(UNCONFIRMED)

    def admit(self, credential: Credential, address: str, cost: int) -> tuple[Verified, Decision]:
        """`verify` and `charge` in one."""
        return self.charge(self.verify(credential, address), address, cost)

    def verify_from_memory(self, credential: Credential) -> Verified | None:
        """As `verify` where the record in memory says yes. None where it does not: `admit` decides then."""
        return self._judged_right(credential, self._directory.cached(credential.key_id, self._hits))

    def doubts(self, credential: Credential) -> bool:
        """Whether nothing in memory speaks for the credential: no record of its key, however old, says yes."""
        return self._judged_right(credential, self._directory.remembered(credential.key_id)) is None

    def charge_together(self, asked: Sequence[tuple[Verified, int]]) -> list[Charged]:
        """As `charge`, for several in one step of the bucket store, each with its cost: the decisions in the same
        order, or why there is none. None where the key has changed since, and so nothing was taken: `admit` decides
        then. Where this raises, nothing was taken at all.
        """
        return self._charges(asked, self._limiter.take_many(_takes(asked)))

    async def charge_together_on_loop(self, asked: Sequence[tuple[Verified, int]]) -> list[Charged]:
        """As `charge_together`, where the bucket store is remote, without holding up the event loop."""
        return self._charges(asked, await self._limiter.take_many_on_loop(_takes(asked)))

    @property
    def store_is_remote(self) -> bool:
        """Whether a charge is a round trip through a network."""
        return self._limiter.store_is_remote

    def charge(self, verified: Verified, address: str | None, cost: int = 1) -> tuple[Verified, Decision]:
        """Takes `cost` tokens of the key's bucket: the decision, which may be a denial, and the record it was made by.

        Where the key has changed since `verified`, it is loaded and judged again before anything is taken; so this
        raises what `verify` raises; without an `address` what `confirm` raises.
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
                if newest is not None and newest.epoch == record.epoch:  # it was old and holds still
                    return verified, decision
                verified = self._judge(verified.credential, newest)
            except ProblemError as refusal:
                raise (refusal if address is None else self._refused(refusal, address)) from None

    def _charges(self, asked: Sequence[tuple[Verified, int]], decided: Sequence[Decided]) -> list[Charged]:
        charges: list[Charged] = [
            None if isinstance(decision, Decision) and decision.epoch > verified.record.epoch else decision
            for (verified, _), decision in zip(asked, decided, strict=True)
        ]
        if not self._limiter.confirms_epochs:
            for place, (verified, _) in enumerate(asked):
                if isinstance(charges[place], Decision) and self._directory.is_old(verified.record):
                    # Where the database answers it is asked; the token that this host's own bucket gave is lost.
                    charges[place] = BucketStoreError(UNCONFIRMED) if self._directory.database_is_down else None
        return charges

    def _unconfirmed(self, record: KeyRecord) -> bool:
        """Whether the record is old and the bucket store has gone over to its fallback, which may not know of a change,
        since the record was found good.
        """
        return not self._limiter.confirms_epochs and self._directory.is_old(record)

    def _without_look_up(self, attempt: "_Attempt") -> Verified | None:
        """The verdict if it takes no look-up; None if it does, and the address may have it."""
        verified = self._by_memory(attempt.credential)
        if verified is not None:
            return verified
        if not self.doubts(attempt.credential):
            # A key of which only an old record is in memory passes whatever others try from its address.
            return self._reloaded(attempt.credential)
        attempt.paid = self._address_limit.pay_for_look_up(attempt.address)
        return None

    def _look_up(self, attempts: "Sequence[_Attempt]") -> None:
        """Settles all by one query."""
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
        """The verdict, counted if it is a refusal."""
        verdict = attempt.settled
        try:
            if isinstance(verdict, ProblemError):
                return self._refused(verdict, attempt.address, paid=attempt.paid)
        except BucketStoreError as error:
            return error
        return verdict

    def _by_memory(self, credential: Credential) -> Verified | None:
        """The verdict of a record in memory; None where the database has to be asked. Raises what `verify` raises."""
        record = self._directory.cached(credential.key_id, self._hits)
        try:
            return self._judge(credential, record)
        except InvalidCredential:
            return None
        except ProblemError:
            epoch = self._limiter.epoch(credential.key_id)
            if record is None or epoch <= record.epoch:
                raise
        return self._judge(credential, self._directory.load(credential.key_id, epoch))

    def _by_database(self, credential: Credential) -> Verified:
        """The verdict of the database. Raises what `verify` raises; django.db.Error where it does not answer."""
        if not self.doubts(credential):
            return self._reloaded(credential)
        attempt = _Attempt(credential)
        self._look_up([attempt])
        return _verified(attempt.settled)

    def _reloaded(self, credential: Credential) -> Verified:
        """The same if memory has an old record that speaks for the credential.

        That is replaced, so that a secret that has been retired since is in doubt from now on.
        """
        try:
            record = self._directory.load(credential.key_id)
        except Error as error:
            return self._in_outage(credential, error)
        return self._judge(credential, record)

    def _in_outage(self, credential: Credential, error: Error) -> Verified:
        """The verdict of an old record, which may do while the database is away. Raises `error` if there is none."""
        verified = self._by_memory(credential)
        if verified is None:
            raise error
        return verified

    def _judged_right(self, credential: Credential, record: KeyRecord | None) -> Verified | None:
        try:
            return self._judge(credential, record)
        except ProblemError:
            return None

    def _judge(self, credential: Credential, record: KeyRecord | None) -> Verified:
        now = self._now()
        slot = self._matching_slot(credential.secret, record, now)
        if record is None or slot is None:
            raise InvalidCredential("The key id is unknown or the secret is wrong.", credential.key_id)
        if record.revoked:
            raise RevokedKey("This key was revoked.", credential.key_id)
        if not record.enabled:
            raise DisabledKey("This key is disabled.", credential.key_id)
        if record.expires_at is not None and record.expires_at <= now:
            raise ExpiredKey("This key has expired.", credential.key_id)
        return Verified(credential, record, slot)

    def _matching_slot(self, secret: str, record: KeyRecord | None, now: float) -> int | None:
        """The slot of the secret that matches; every digest of the key is compared, each in constant time.

        Without a record there is a digest to compare too, so that the time does not depend on whether there is one.
        """
        peppers = self._peppers
        current = peppers.current
        digest = peppers.digest(secret, current)
        slot = None
        for candidate in record.secrets if record is not None else self._decoy:
            found = digest if candidate.pepper_id == current else self._digest(secret, candidate.pepper_id)
            alive = candidate.expires_at is None or now < candidate.expires_at
            if hmac.compare_digest(found, candidate.digest) and alive:
                slot = candidate.slot
        return slot

    def _digest(self, secret: str, pepper_id: str) -> bytes:
        """The digest under an older pepper; one that no secret has, where that pepper is gone."""
        if pepper_id not in self._peppers.by_id:
            log.error("pepper_missing", pepper_id=pepper_id)
            return b""
        return self._peppers.digest(secret, pepper_id)

    def _refused(self, refusal: ProblemError, address: str, *, paid: bool = False) -> ProblemError:
        """Counts a refusal. A wrong secret is paid by the address, never by the key that it was tried on."""
        if isinstance(refusal, QuotaExceeded):
            FAILURES.labels(InvalidCredential.slug).inc()
            return refusal
        FAILURES.labels(refusal.slug).inc()
        if paid or not isinstance(refusal, InvalidCredential):
            return refusal
        return self._address_limit.charge(address) or refusal


@dataclass(slots=True)
class _Attempt:
    """One of several credentials, the address that tries it, whether that has paid, and the verdict, once there."""

    credential: Credential
    address: str = ""
    paid: bool = False
    verdict: Verdict | None = None

    @property
    def settled(self) -> Verdict:
        """The verdict, which is there."""
        if self.verdict is None:
            raise TypeError("the attempt is not settled")
        return self.verdict

    def settle(self, decide: Callable[[], Verified | None]) -> None:
        """Takes what `decide` returns or raises for the verdict."""
        try:
            self.verdict = decide()
        except (ProblemError, Error, BucketStoreError) as error:
            self.verdict = error


def _verified(verdict: Verdict) -> Verified:
    """The key, or raises what stands in its place."""
    if isinstance(verdict, Exception):
        raise verdict
    return verdict


def _takes(asked: Sequence[tuple[Verified, int]]) -> list[Asked]:
    return [(v.credential.key_id.encode(), v.record.limit, cost, v.record.epoch, v.slot) for v, cost in asked]


@cache
def default_gate() -> Gate:
    """The process's gate, as the settings make it."""
    return Gate(
        directory=default_directory(),
        limiter=default_limiter(),
        peppers=configured_peppers(),
        address_limit=AddressLimit(default_limiter(), failure_limit(), Attempt.CREDENTIAL),
    )
