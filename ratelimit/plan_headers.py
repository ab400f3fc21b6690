"""Header fields of an allowed request of a key with a plan, as bytes, for the gateway's fast path.

They are those of `ratelimit.headers`. What is the same for all requests with the same claims is formatted once.
"""

from math import inf
from typing import Final, NamedTuple

from latchkey import headers
from ratelimit.claim import FOREVER_S
from ratelimit.decision import Decision
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.plan_limit import Mode

_LINE: Final = "%s: %s\r\n"
_TIGHTEST: Final = "".join(
    _LINE % (name.lower(), "%d")
    for name in (headers.X_RATE_LIMIT_LIMIT, headers.X_RATE_LIMIT_REMAINING, headers.X_RATE_LIMIT_RESET)
)


class _Rate(NamedTuple):
    """What the fields need of a bucket: its limit, the ticks of a second, and whether a second refills a token."""

    burst: int
    capacity: int
    price: int
    second: int
    is_fast: bool


def _rate(limit: Limit | None) -> _Rate | None:
    if limit is None:
        return None
    second = limit.ticks * NS_PER_SECOND
    return _Rate(limit.burst, limit.capacity, limit.price, second, limit.price <= second)


class PlanTemplate:
    """Format of the fields for one key and the limits that its requests claim."""

    __slots__ = ("_format", "_limits", "_own", "_policy")

    def __init__(self, policy: str, decision: Decision) -> None:
        """Prepare the format. `policy` is the value of RateLimit-Policy, the same for all these requests."""
        claimed = decision.shown.claimed if decision.shown else ()
        items = ['"key";r=%d;t=%d'] if decision.limit else []
        for limit, state in zip(claimed, decision.states, strict=True):
            items.append(f'"{limit.name}";r=%d' + ("" if state.ends_s >= FOREVER_S else ";t=%d"))
        # It is long, and formatting would look at each of its characters.
        self._policy = (_LINE % (headers.RATE_LIMIT_POLICY.lower(), policy)).encode()
        self._format = (_LINE % (headers.RATE_LIMIT.lower(), ", ".join(items)) if items else "") + _TIGHTEST
        self._own = _rate(decision.limit)
        self._limits = tuple(
            (_rate(claim.terms[0].limit), claim.terms[0].quota, limit.mode is Mode.ENFORCE)
            for claim, limit in zip(decision.claims, claimed, strict=True)
        )

    def encode(self, decision: Decision) -> bytes | None:
        """Return the fields, or None if they have another format this time."""
        values: list[int] = []
        # The tightest limit so far: what is left, of how many, and which part that is. It is full in `reset` seconds.
        left, amount, part, reset = 1, 0, inf, 0
        if self._own is not None:
            amount, capacity, price, second, _ = self._own
            left, over = divmod(capacity - decision.debt, price)
            part, reset = left / amount, -(-decision.debt // second)
            values += (left, -((over - price) // second) if reset else 0)
        now_s = int(decision.now_s)
        for (rate, quota, enforced), (term, _, value, _, ends_s) in zip(self._limits, decision.measured):  # noqa: B905
            if term:
                return None
            if rate is not None:
                of, capacity, price, second, is_fast = rate
                remaining, over = divmod(capacity - value, price)
                # A token is next after less than `price` ticks.
                next_token = value > 0 if is_fast else value and -((over - price) // second)
                values += (remaining, next_token)
            else:
                of, second = quota, 0
                remaining = quota - value if value < quota else 0
                values.append(remaining)
                if ends_s < FOREVER_S:
                    values.append(max(0, ends_s - now_s))
            # Of two fractions with the same float, either can be the smaller one.
            if enforced and (here := remaining / of) <= part:
                full = -(-value // second) if second else -1 if ends_s >= FOREVER_S else max(0, ends_s - now_s)
                difference = remaining * amount - left * of
                if difference < 0 or not amount or (not difference and (full < 0 or full > reset >= 0)):
                    left, amount, part, reset = remaining, of, here, full
        if not amount or reset < 0:
            return None
        return self._policy + (self._format % (*values, amount, left, reset)).encode()
