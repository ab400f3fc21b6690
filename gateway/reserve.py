"""/v1/reservations: an estimate of the costs of work, which is settled later by what the work cost."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apikeys.authenticator import Authenticator
from apikeys.credential_check import Verified
from apikeys.plan_claims import UnknownUnits
from apikeys.reserving import NewlyReserved
from apikeys.settling import Settled, Settler
from gateway import verify
from gateway.unit_costs import costs_of, parse_costs, pointer_of_body, unknown_units
from gateway.verify import Code, VerifyResult, has_scopes
from latchkey.problems import ProblemError
from latchkey.timestamps import from_ns, rfc3339
from latchkey.validation import Rule, clean, integer
from ratelimit.costs import ONE
from ratelimit.decision import Decision
from ratelimit.limit import MAX_BURST, NS_PER_SECOND
from ratelimit.stores import BucketStoreError

MAX_TTL_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class ReserveResult:
    """A verdict and, if it is VALID, the ID and the end of the reservation, in seconds since the Unix epoch."""

    verdict: VerifyResult
    reservation_id: str = ""
    expires_s: int = 0

    def as_json(self) -> dict[str, object]:
        """Return the response body: that of /v1/verify, and the reservation."""
        made = bool(self.reservation_id)
        return {
            "reservation": self.reservation_id if made else None,
            "expires_at": time_json(self.expires_s) if made else None,
            "limits": [],
            **self.verdict.as_json(),
        }


def reserve(
    authenticator: Authenticator, settler: Settler, values: object, service: str, now: datetime
) -> ReserveResult:
    """Verify the credential in `values` like /v1/verify, and reserve the costs in place of taking them.

    `service` is the ID of the calling key. Raise InvalidParameters, and ReservationsExhausted.
    """
    cleaned: dict[str, Any] = clean(
        values, RULES, now, required=("credential", "ttl_seconds"), credentials=("credential",)
    )
    costs = costs_of(cleaned.get("cost"), cleaned.get("costs", {}), pointer_of_body, least=0)
    scopes = cleaned.get("scopes", [])
    made: NewlyReserved | None = None

    def charge(verified: Verified) -> tuple[Verified, Decision]:
        nonlocal made
        if not has_scopes(verified, scopes):
            # There is nothing to reserve, but to ask for a scope costs a request, as it does at /v1/verify.
            return authenticator.charge(verified, None, ONE)
        verified, made = authenticator.reserve(verified, costs, service, cleaned["ttl_seconds"])
        return verified, made.decision

    result = verify.verdict(authenticator, cleaned["credential"], scopes, charge)
    if made is None or not made.reservation_id:
        return ReserveResult(result)
    if result.code is not Code.VALID:
        # The key has lost a scope since it was looked at.
        give_back(settler, made.reservation_id, service)
        return ReserveResult(result)
    return ReserveResult(result, made.reservation_id, made.expires_s)


def give_back(settler: Settler, reservation_id: str, service: str) -> None:
    """Cancel a reservation of which no caller will learn. If the store is down, it expires."""
    with suppress(ProblemError, BucketStoreError):
        settler.cancel(reservation_id, service)


def settle(settler: Settler, reservation_id: str, values: object, service: str, now: datetime) -> Settled:
    """Settle a reservation by the costs in `values`. Raise InvalidParameters and what `Settler.settle` raises."""
    # A settlement is final. Without any cost, it would give everything back by mistake.
    names_cost = isinstance(values, dict) and "cost" in values
    cleaned: dict[str, Any] = clean(values, SETTLE_RULES, now, required=() if names_cost else ("costs",))
    costs = costs_of(cleaned.get("cost"), cleaned.get("costs", {}), pointer_of_body, least=0)
    try:
        return settler.settle(reservation_id, service, costs)
    except UnknownUnits as error:
        raise unknown_units(error.units, pointer_of_body) from None


def extend(settler: Settler, reservation_id: str, values: object, service: str, now: datetime) -> int:
    """Extend a reservation by the seconds in `values`, and return its end in seconds since the Unix epoch.

    Raise InvalidParameters and what `Settler.extend` raises.
    """
    cleaned: dict[str, Any] = clean(values, EXTEND_RULES, now, required=("ttl_seconds",))
    return settler.extend(reservation_id, service, cleaned["ttl_seconds"])


def settled_json(reservation_id: str, settled: Settled) -> dict[str, object]:
    """Return the response body of a settlement."""
    return {
        "reservation": reservation_id,
        "settled_at": time_json(settled.settled_s),
        "limits": [limit._asdict() for limit in settled.limits],
    }


def time_json(at_s: int) -> str:
    """Return a time in seconds since the Unix epoch as the API writes it."""
    return rfc3339(from_ns(at_s * NS_PER_SECOND))


def _ttl_seconds(value: object, _now: datetime) -> int:
    return integer(value, "ttl_seconds", 1, MAX_TTL_SECONDS)


_COSTS: Final[Mapping[str, Rule]] = {
    # 0 is allowed here: the work may turn out to be free, or its estimate may be unknown.
    "cost": lambda value, _now: integer(value, "cost", 0, MAX_BURST),
    "costs": lambda value, _now: parse_costs(value),
}
RULES: Final[Mapping[str, Rule]] = {**verify.RULES, **_COSTS, "ttl_seconds": _ttl_seconds}
SETTLE_RULES: Final = _COSTS
EXTEND_RULES: Final[Mapping[str, Rule]] = {"ttl_seconds": _ttl_seconds}
