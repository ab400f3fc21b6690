"""The gate: whether a credential may pass, and what it costs its key. The same rule behind every door.

A request is judged by a cached record of its key. Two things keep that as good as asking the database each time: no
refusal is final until the bucket store says that the record's epoch is the newest, or the database was asked, and no
pass is either, as the epoch comes back with the very step that takes the token.
"""

import hmac
from collections.abc import Callable, Sequence
from functools import cache
from time import time
from typing import Final, NamedTuple

import structlog
from django.conf import settings
from django.db import Error
from prometheus_client import Counter

from apikeys.directory import HITS, KeyDirectory, default_directory
from apikeys.errors import DisabledKey, ExpiredKey, InvalidCredential, QuotaExceeded, RevokedKey
from apikeys.key_record import KeyRecord
from apikeys.peppers import configured_peppers
from latchkey import metric_names
from latchkey.credentials import Credential
from latchkey.peppers import Peppers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import ProblemError
from ratelimit.bucket import Asked
from ratelimit.decision import Decision
from ratelimit.limit import Limit, limit_from_text
from ratelimit.limiter import Decided, Limiter, default_limiter
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
        failure_limit: Limit,
        now: Callable[[], float] = time,
        hits: Counts = HITS,
    ) -> None:
        self._directory = directory
        self._limiter = limiter
        self._peppers = peppers
        self._failure_limit = failure_limit
        self._now = now
        self._hits = hits

    def with_metrics(self, limiter: Limiter, hits: Counts) -> "Gate":
        """The same gate, which tells its decisions as `limiter` does and its looks at the directory to `hits`."""
        return Gate(
            directory=self._directory,
            limiter=limiter,
            peppers=self._peppers,
            failure_limit=self._failure_limit,
            now=self._now,
            hits=hits,
        )

    def verify(self, credential: Credential, address: str) -> Verified:
        """The credential's key, where the secret is right and the key may be used. Nothing is charged to the key.

        Raises InvalidCredential (or, once the failures of `address` are over AUTH_FAILURE_LIMIT, QuotaExceeded),
        ExpiredKey, DisabledKey or RevokedKey.
        """
        try:
            return self.confirm(credential, anew=False)
        except ProblemError as refusal:
            raise self._refused(refusal, address) from None

    def confirm(self, credential: Credential, *, anew: bool) -> Verified:
        """As `verify`, for a caller that has passed before: a refusal is no attempt, and neither counted nor paid.

        `anew`: by what the database says now and not by a record in memory.
        """
        key_id = credential.key_id
        record = None if anew else self._directory.cached(key_id, self._hits)
        if record is None:
            epoch = self._limiter.epoch(key_id) if anew else 0
            try:
                return self._judge(credential, self._directory.load(key_id, epoch))
            except Error:
                record = None if anew else self._directory.cached(key_id, self._hits)  # an old one may do in an outage
                if record is None:
                    raise
        try:
            return self._judge(credential, record)
        except InvalidCredential:
            pass  # an unknown id costs a look into the database, so a wrong secret does too: time tells nothing
        except ProblemError:
            if self._limiter.epoch(key_id) <= record.epoch:
                raise
        return self._judge(credential, self._directory.load(key_id, self._limiter.epoch(key_id)))

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
        record = self._directory.cached(credential.key_id, self._hits)
        return None if record is None else self._judged_right(credential, record)

    def doubts(self, credential: Credential) -> bool:
        """Whether nothing in memory speaks for the credential: an unknown key, or a record that says no."""
        record = self._directory.cached(credential.key_id, None)
        if record is None:
            return not self._directory.has_known(credential.key_id)
        return self._judged_right(credential, record) is None

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

    def _judged_right(self, credential: Credential, record: KeyRecord) -> Verified | None:
        try:
            return self._judge(credential, record)
        except ProblemError:
            return None

    def _judge(self, credential: Credential, record: KeyRecord | None) -> Verified:
        now = self._now()
        slot = self._matching_slot(credential.secret, record, now)
        if record is None or slot is None:
            raise InvalidCredential("The key id is unknown or the secret is wrong.")
        if record.revoked:
            raise RevokedKey("This key was revoked.")
        if not record.enabled:
            raise DisabledKey("This key is disabled.")
        if record.expires_at is not None and record.expires_at <= now:
            raise ExpiredKey("This key has expired.")
        return Verified(credential, record, slot)

    def _matching_slot(self, secret: str, record: KeyRecord | None, now: float) -> int | None:
        """The slot of the secret that matches; every digest of the key is compared, each in constant time."""
        peppers = self._peppers
        current = peppers.current
        digest = peppers.digest(secret, current)
        slot = None
        for candidate in record.secrets if record is not None else ():
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

    def _refused(self, refusal: ProblemError, address: str) -> ProblemError:
        """Counts a refusal. A wrong secret is paid by the address, never by the key that it was tried on."""
        FAILURES.labels(refusal.slug).inc()
        if not isinstance(refusal, InvalidCredential):
            return refusal
        decision = self._limiter.take_for_address(address, self._failure_limit)
        if decision.allowed:
            return refusal
        return QuotaExceeded(
            "Too many failed authentications from this address.",
            violated_policies=["address"],
            retry_after_seconds=decision.retry_after_seconds,
        )


def _takes(asked: Sequence[tuple[Verified, int]]) -> list[Asked]:
    return [(v.credential.key_id.encode(), v.record.limit, cost, v.record.epoch, v.slot) for v, cost in asked]


def failure_limit() -> Limit:
    """AUTH_FAILURE_LIMIT; a system check refuses one that is unlimited or no limit."""
    limit = limit_from_text(settings.AUTH_FAILURE_LIMIT)
    if limit is None:
        raise ValueError("AUTH_FAILURE_LIMIT cannot be unlimited")
    return limit


@cache
def default_gate() -> Gate:
    """The process's gate, as the settings make it."""
    return Gate(
        directory=default_directory(),
        limiter=default_limiter(),
        peppers=configured_peppers(),
        failure_limit=failure_limit(),
    )
