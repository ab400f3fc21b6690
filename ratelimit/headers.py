"""Rate limit header fields for a decision about a key's request."""

from typing import Final

from latchkey import headers
from latchkey.limit_state import ENFORCE, REQUESTS, LimitState
from latchkey.rate_limit_fields import POLICY, fields_of_limits, policy_fields, state_fields
from ratelimit.decision import Decision
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.plan_headers import PlanTemplate
from ratelimit.plan_states import states_of
from ratelimit.violations import retry_after_seconds

# The names are formatted once at import. Each response then costs a single formatting of four numbers.
_STATE_LINES: Final = "".join(f"{name.lower()}: {value}\r\n" for name, value in state_fields("%d", "%d", "%d"))


def rate_limit_headers(decision: Decision) -> list[tuple[str, str]]:
    """Return header names and values for a decision about a key's request; none for an unlimited key without a plan."""
    if decision.shown is None:
        return policy_headers(decision.limit) + state_headers(decision)
    fields = fields_of_limits([*_own_limit(decision), *states_of(decision)])
    return fields if decision.allowed else fields + _retry_after(decision)


def _own_limit(decision: Decision) -> list[LimitState]:
    limit = decision.limit
    if limit is None:
        return []
    left = (decision.remaining, decision.next_token_seconds, decision.reset_seconds)
    return [LimitState(POLICY, REQUESTS, ENFORCE, limit.burst, limit.per_seconds, *left)]


def _retry_after(decision: Decision) -> list[tuple[str, str]]:
    seconds = retry_after_seconds(decision)
    return [] if seconds is None else [(headers.RETRY_AFTER, str(seconds))]


def policy_headers(limit: Limit | None) -> list[tuple[str, str]]:
    """Return the headers that describe the limit itself, independent of the state of its bucket."""
    return [] if limit is None else policy_fields(limit.burst, limit.per_seconds)


def state_headers(decision: Decision) -> list[tuple[str, str]]:
    """Return the headers that describe the bucket after a decision."""
    if decision.limit is None:
        return []
    fields = state_fields(decision.remaining, decision.next_token_seconds, decision.reset_seconds)
    return fields if decision.allowed else fields + _retry_after(decision)


def encode_plan_headers(decision: Decision) -> bytes:
    """Return the headers of an allowed request of a key with a plan as the bytes that are sent."""
    shown = decision.shown
    if shown is None:
        raise ValueError("the key has no plan")
    template = shown.template
    if isinstance(template, PlanTemplate):
        encoded = template.encode(decision)
        if encoded is not None:
            return encoded
    fields = rate_limit_headers(decision)
    if not fields:
        return b""
    if template is None and not any(state.term for state in decision.states):
        shown.template = PlanTemplate(dict(fields)[headers.RATE_LIMIT_POLICY], decision)
    return "".join([f"{name.lower()}: {value}\r\n" for name, value in fields]).encode()


def encode_state_headers(decision: Decision) -> bytes:
    """Return the `state_headers` of an allowed request as the bytes that are sent, for the gateway's fast path."""
    limit, debt = decision.limit, decision.debt
    if limit is None:
        return b""
    # `remaining`, `next_token_seconds` and `reset_seconds`, computed in place to save calls for each request.
    price, second = limit.price, limit.ticks * NS_PER_SECOND
    remaining, part = divmod(limit.capacity - debt, price)
    next_token = -((part - price) // second) if debt else 0
    return (_STATE_LINES % (remaining, next_token, remaining, -(-debt // second))).encode()
