"""State of one limit of a key's plan after a request: what is left of it, and when there is more."""

from typing import Final, NamedTuple

ENFORCE: Final = "enforce"
REQUESTS: Final = "requests"
"""The unit of a key's own limit, and of limits that name no other."""


class LimitState(NamedTuple):
    """What is left of a limit: `remaining` of `limit` units in `per_seconds`.

    A limit whose `mode` is `observe` refuses nothing. `per_seconds` is None for a quota that never starts again, and a
    month counts as 30 days. The rest is None if the request named no cost of the unit. A rate has one more unit in
    `next_token_seconds` and is full in `reset_seconds`, both 0 if it is full. For a quota, both are the seconds to the
    end of its period, and None if there is no end. Slots of a limit of concurrency have none of these times.
    """

    name: str
    unit: str
    mode: str
    limit: int
    per_seconds: int | None
    remaining: int | None = None
    next_token_seconds: int | None = None
    reset_seconds: int | None = None

    @property
    def is_enforced(self) -> bool:
        """Return whether the limit can refuse a request."""
        return self.mode == ENFORCE

    def as_json(self) -> dict[str, object]:
        """Return the state as /v1/verify writes it."""
        return self._asdict()
