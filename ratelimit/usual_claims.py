"""Claims in the usual case: every limit allows the request, and its counter is as the last request left it.

This repeats the arithmetic of `ratelimit.claim_arithmetic` without what is rare: limits that have changed, periods that
have ended, refusals, debts beyond a bucket, costs of 0, slots and damaged records. Those are left to `ask`.
"""

from collections.abc import Mapping, Sequence
from struct import error as struct_error
from typing import Final

from ratelimit.claim import FOREVER_S, Claim, StateTuple
from ratelimit.counters import GetCounter, pack_quota, pack_rate, unpack_quota, unpack_rate
from ratelimit.limit import NS_PER_SECOND
from ratelimit.unit_counters import added as units_added

Changes = Mapping[bytes, bytes]
"""New records of counters, by name."""
NO_CHANGES: Final[Changes] = {}


def allowed_as_usual(
    get: GetCounter, claims: Sequence[Claim], now_ns: int, changes: Changes = NO_CHANGES
) -> tuple[tuple[StateTuple, ...], Changes] | None:
    """Return the states of a request's claims and the new records of their counters, if the request is allowed in the
    usual case; None if `ask` has to decide.

    `changes` replace what `get` returns.
    """
    now_s = now_ns // NS_PER_SECOND
    states: list[StateTuple] = []
    records: dict[bytes, bytes] = {}
    try:
        for name, definition, cost, _, terms in claims:
            until_s, limit, quota, period_ends_s = terms[0]
            # A missing record is no bytes, and unpacking it raises TypeError.
            raw: bytes = (changes and changes.get(name)) or get(name)  # type: ignore[assignment]
            state: StateTuple
            if limit is not None:
                known, limit_code, tat_ns, fraction = unpack_rate(raw)
                ticks = limit.ticks
                after = tat_ns - now_ns if ticks == 1 else (tat_ns - now_ns) * ticks + fraction
                after = cost * limit.price if after < 0 else after + cost * limit.price
                if known != definition or limit_code != limit.code or after > limit.capacity:
                    return None
                if ticks == 1:
                    records[name] = pack_rate(definition, limit_code, now_ns + after, 0)
                else:
                    ahead_ns, fraction = divmod(after, ticks)
                    records[name] = pack_rate(definition, limit_code, now_ns + ahead_ns, fraction)
                state = 0, False, after, 0, 0
            elif period_ends_s:
                known, ends_s, after, revision, previous_ends_s, previous_used = unpack_quota(raw)
                after += cost
                if known != definition or not now_s < ends_s <= FOREVER_S or after > quota:
                    return None
                records[name] = pack_quota(definition, ends_s, after, revision, previous_ends_s, previous_used)
                state = 0, False, after, 0, ends_s
            elif quota:
                return None
            else:
                records[name] = units_added(raw, now_s, cost, 0, now_s)
                state = 0, False, 0, 0, now_s
            if until_s <= now_s or not cost:
                return None
            states.append(state)
    except (struct_error, TypeError):
        return None
    return tuple(states), records


def states_before(claims: Sequence[Claim], states: Sequence[StateTuple]) -> tuple[StateTuple, ...]:
    """Return the states that `allowed_as_usual` returned, as they are if the request is refused after all."""
    return tuple(
        (term, refused, value - _spent(claim), wait_ns, ends_s)
        for claim, (term, refused, value, wait_ns, ends_s) in zip(claims, states, strict=True)
    )


def _spent(claim: Claim) -> int:
    """Return by how much the cost changes the value of the claim's state."""
    term = claim.terms[0]
    if term.limit is not None:
        return claim.cost * term.limit.price
    return claim.cost if term.ends_s else 0
