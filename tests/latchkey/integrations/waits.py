"""How long a request waits that two guards charge 2 and 5 requests, and whose second verification is denied: one table
for all integrations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from latchkey.client.verification import RemainingLimit
from latchkey.limit_state import ENFORCE, REQUESTS, LimitState
from latchkey.rate_limit_fields import POLICY
from tests.latchkey.client.responses import KEY_ID

ALLOWED: Final[Mapping[str, Any]] = {"valid": True, "code": "VALID", "key_id": KEY_ID, "scopes": ["*"]}
_MONTH: Final = 2_592_000
_DAY: Final = 86_400


@dataclass(frozen=True)
class Wait:
    """The seconds until a request that costs 7 can pass, None if never, with these `limits` after its denial.

    The key's own bucket, of 10 tokens and `own_remaining`, gets one a second: it has 5 again after `denied_seconds`.
    """

    name: str
    seconds: int | None
    limits: tuple[LimitState, ...] = ()
    own_remaining: int = 4
    denied_seconds: int | None = 1

    @property
    def own(self) -> LimitState:
        """The key's own limit."""
        return LimitState(POLICY, REQUESTS, ENFORCE, 10, 10, self.own_remaining, 1, 10 - self.own_remaining)

    @property
    def denial(self) -> dict[str, Any]:
        """The response to the second verification."""
        own = self.own._asdict()
        return {
            **ALLOWED,
            "valid": False,
            "code": "RATE_LIMITED",
            "rate_limit": {name: own[name] for name in RemainingLimit.__match_args__},
            "retry_after": self.denied_seconds,
            "limits": [limit.as_json() for limit in self.limits],
            "violated_policies": ["key"],
        }


def _limit(
    limit: int,
    per_seconds: int | None,
    remaining: int | None,
    next_token: int | None,
    reset: int | None,
    *,
    mode: str = ENFORCE,
    unit: str = REQUESTS,
) -> LimitState:
    return LimitState("ofplan", unit, mode, limit, per_seconds, remaining, next_token, reset)


WAITS: Final = [
    Wait("the key's own limit", 3),
    Wait("the key's own limit, empty", 7, own_remaining=0, denied_seconds=5),
    Wait("a slow rate with room", 3, (_limit(100, _DAY, 7, 864, 80_352),)),
    Wait("a slow rate with room for the rest alone", 1728, (_limit(100, _DAY, 5, 864, 82_080),)),
    Wait("a slow rate that was denied", 4320, (_limit(100, _DAY, 2, 864, 84_672),), denied_seconds=2592),
    Wait("a rate that is only observed", 3, (_limit(10, _DAY, 0, 8640, _DAY, mode="observe"),)),
    Wait("a rate in a unit that was not claimed", 3, (_limit(10, _DAY, None, None, None, unit="tokens"),)),
    Wait("a rate in another unit", 3, (_limit(10, _DAY, 0, 8640, _DAY, unit="tokens"),)),
    Wait("a quota with room", 3, (_limit(100, _MONTH, 7, 9000, 9000),)),
    Wait("a quota with room for the rest alone", 9000, (_limit(100, _MONTH, 6, 9000, 9000),)),
    Wait("a quota that was denied", 9000, (_limit(100, _MONTH, 1, 9000, 9000),), denied_seconds=9000),
    Wait("a quota that never starts again, with room", 3, (_limit(100, None, 7, None, None),)),
    Wait("a quota that never starts again", None, (_limit(100, None, 6, None, None),)),
    Wait("a quota that never starts again, denied", None, (_limit(100, None, 4, None, None),), denied_seconds=None),
    Wait("a quota of nothing", 60, (_limit(0, 3600, 0, 60, 60),), denied_seconds=60),
]
