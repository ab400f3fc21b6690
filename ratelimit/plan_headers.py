"""Header fields of an allowed request of a key with a plan, as bytes, for the gateway's fast path.

They are those of `ratelimit.headers`. What is the same for all requests with the same claims is formatted once.
"""

from typing import Final

from latchkey import headers
from ratelimit.claim import FOREVER_S
from ratelimit.decision import Decision
from ratelimit.limit import NS_PER_SECOND
from ratelimit.plan_limit import Mode

_LINE: Final = "%s: %s\r\n"
_TIGHTEST: Final = "".join(
    _LINE % (name.lower(), "%d")
    for name in (headers.X_RATE_LIMIT_LIMIT, headers.X_RATE_LIMIT_REMAINING, headers.X_RATE_LIMIT_RESET)
).encode()


class PlanTemplate:
    """Format of the fields for one key and the limits that its requests claim."""

    __slots__ = ("_enforced", "_fields")

    def __init__(self, policy: str, decision: Decision) -> None:
        """Prepare the format. `policy` is the value of RateLimit-Policy, the same for all these requests."""
        shown = decision.shown
        names = [limit.name for limit in shown.claimed] if shown else []
        items = ['"key";r=%d;t=%d'] if decision.limit else []
        for name, state in zip(names, decision.states, strict=True):
            items.append(f'"{name}";r=%d' + ("" if state.ends_s >= FOREVER_S else ";t=%d"))
        lines = _LINE % (headers.RATE_LIMIT_POLICY.lower(), policy)
        if items:
            lines += _LINE % (headers.RATE_LIMIT.lower(), ", ".join(items))
        self._fields = lines.encode()
        self._enforced = tuple(limit.mode is Mode.ENFORCE for limit in shown.claimed) if shown else ()

    def encode(self, decision: Decision) -> bytes | None:
        """Return the fields, or None if they have another format this time."""
        values: list[int] = []
        # The tightest limit so far: what is left, of how many, and when it is full.
        left, amount, reset = 1, 0, 0
        if decision.limit is not None:
            left, amount, reset = decision.remaining, decision.limit.burst, decision.reset_seconds
            values += (left, decision.next_token_seconds)
        now_s = int(decision.now_s)
        for claim, state, enforced in zip(decision.claims, decision.states, self._enforced, strict=True):
            if state.term:
                return None
            _, limit, quota, _ = claim.terms[0]
            if limit is not None:
                second = limit.ticks * NS_PER_SECOND
                remaining, of, price = (limit.capacity - state.value) // limit.price, limit.burst, limit.price
                full = -(-state.value // second)
                awaited = state.value - (limit.capacity - (remaining + 1) * price)
                values += (remaining, -(-awaited // second) if state.value else 0)
            else:
                remaining, of = max(0, quota - state.value), quota
                values.append(remaining)
                full = -1
                if state.ends_s < FOREVER_S:
                    full = max(0, state.ends_s - now_s)
                    values.append(full)
            if enforced:
                here, there = remaining * amount, left * of
                if not amount or here < there or (here == there and (full < 0 or full > reset >= 0)):
                    left, amount, reset = remaining, of, full
        if not amount or reset < 0:
            return None
        return self._fields % tuple(values) + _TIGHTEST % (amount, left, reset)
