"""Refill: how long a limit takes to get back what a denied request had already paid."""

from collections.abc import Mapping

from latchkey.client.verification import Verification


def refill_seconds(found: Verification, paid: Mapping[str, int]) -> int:
    """Return the whole seconds, rounded up, after which the key's limits have `paid` again, by unit.

    A quota gets it back with its next period, for which `retry_after_seconds` already waits.
    """
    states = [*([found.rate_limit.state] if found.rate_limit else []), *found.limits]
    rates = [state for state in states if state.per_seconds is not None and state.unit in paid]
    return max((-(-paid[rate.unit] * (rate.per_seconds or 0) // rate.limit) for rate in rates), default=0)
