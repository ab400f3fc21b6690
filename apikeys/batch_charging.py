"""Charging of several requests in one call of the bucket store, without reading the database."""

from collections.abc import Mapping, Sequence

from apikeys.charging import UNCONFIRMED, Charger
from apikeys.credential_check import Verified
from apikeys.policies.resolution import Resolved
from ratelimit.bucket import TakeRequest
from ratelimit.claim import Claim, PolicyOutdated
from ratelimit.costs import Costs
from ratelimit.decision import Decision
from ratelimit.limit import CostExceedsBurst
from ratelimit.limiter import DecisionResult
from ratelimit.stores import BucketStoreError

ChargeRequest = tuple[Verified, Costs]
"""One of several requests, and what it costs."""

ChargeResult = Decision | CostExceedsBurst | BucketStoreError | PolicyOutdated | None
"""Result of one of several charges. None means that nothing was taken, because the key has changed, or because its plan
or what was used of its quotas is not known yet.
"""


_Batch = tuple[list[TakeRequest], dict[int, Resolved], list[int], int]
"""(takes, claimed, undecided, policy): what a bucket store is asked for several requests, the claims of those that have
any, those that only `charge` can decide, and the number of the policies. Requests are named by their places, in
ascending order. A plain tuple, because each check creates one.
"""


class BatchCharger(Charger):
    """Charger that also takes tokens for several requests together. What needs the database is left to `charge`."""

    def charge_batch(self, requests: Sequence[ChargeRequest]) -> list[ChargeResult]:
        """Take tokens for several requests like `charge`, in one call of the bucket store, each with its costs.

        The results are in the same order. A result is None if the key or its plan has changed, or if the database has
        to be read, so that nothing was taken and `Authenticator.authenticate_and_charge` has to decide. It is
        PolicyOutdated if nothing was taken because `refresh_policies` comes first. If this raises, nothing was taken at
        all.
        """
        takes, claimed, undecided, policy = self._prepared(requests)
        decisions = self._limiter.take_many(takes, policy) if takes else []
        return self._confirmed(requests, claimed, _with_undecided(decisions, undecided) if undecided else decisions)

    async def charge_batch_on_loop(self, requests: Sequence[ChargeRequest]) -> list[ChargeResult]:
        """Take tokens like `charge_batch` if the bucket store is remote, without blocking the event loop."""
        takes, claimed, undecided, policy = self._prepared(requests)
        decisions = await self._limiter.take_many_async(takes, policy) if takes else []
        return self._confirmed(requests, claimed, _with_undecided(decisions, undecided))

    def _prepared(self, requests: Sequence[ChargeRequest]) -> _Batch:
        """Return what the bucket store is asked. The database must not be read on the event loop."""
        # Read before the claims, as in `_take`.
        known = self._policies.known
        if known is None:
            return [], {}, [*range(len(requests))], 0
        owners, plans = known.owners, known.plans
        takes: list[TakeRequest] = []
        claimed: dict[int, Resolved] = {}
        undecided: list[int] = []
        for place, ((credential, record, slot), costs) in enumerate(requests):
            claims: tuple[Claim, ...] = ()
            # For a key without a plan, this lookup is all that plans cost.
            if record.plan is not None or record.auth.owner in owners or costs.others:
                if record.plan is not None and record.plan not in plans:
                    undecided.append(place)
                    continue
                resolved = self._plan.of(record, costs)
                if resolved is not None:
                    claimed[place] = resolved
                    claims = resolved.claims
            takes.append((credential.key_id.encode(), record.limit, costs.requests, record.epoch, slot, claims))
        return takes, claimed, undecided, known.number

    def _confirmed(
        self, requests: Sequence[ChargeRequest], claimed: Mapping[int, Resolved], decisions: Sequence[DecisionResult]
    ) -> list[ChargeResult]:
        """Return the decisions that are based on the current state of their keys, and None or an error for others."""
        results: list[ChargeResult] = [
            decision if isinstance(decision, Decision) and decision.epoch <= verified.record.epoch else None
            for (verified, _), decision in zip(requests, decisions)  # noqa: B905 - faster
        ]
        # Decisions are true, because they are tuples with something in them.
        if not all(results):
            for place, result in enumerate(results):
                if result is None:
                    results[place] = self._failure(decisions[place], claimed.get(place))
        if claimed:
            for place, resolved in claimed.items():
                decided = results[place]
                if isinstance(decided, Decision):
                    results[place] = self._plan.completed(decided, resolved)
        if not self._limiter.confirms_epochs:
            for place, (verified, _) in enumerate(requests):
                # The fallback may not know of a change, so an old record is not sufficient.
                if isinstance(results[place], Decision) and self._cache.is_old(verified.record):
                    # If the database is up, `authenticate_and_charge` reads it. The token that this host's local
                    # bucket gave is lost.
                    results[place] = BucketStoreError(UNCONFIRMED) if self._cache.database_is_down else None
        return results

    def _failure(self, result: DecisionResult, resolved: Resolved | None) -> ChargeResult:
        """Return the error of a request that was not decided, or None if only `charge` can decide it."""
        if isinstance(result, CostExceedsBurst):
            return self._plan.exceeded(result, resolved)
        return result if isinstance(result, (BucketStoreError, PolicyOutdated)) else None


def _with_undecided(decisions: Sequence[DecisionResult], undecided: Sequence[int]) -> list[DecisionResult]:
    """Return the decisions, and None at each place of a request that the bucket store was not asked about."""
    results = [*decisions]
    for place in undecided:
        results.insert(place, None)
    return results
