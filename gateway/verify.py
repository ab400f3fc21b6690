"""/v1/verify: whether a credential that a service received is valid, and what is left of its key's rate limit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from apikeys.auth_failures import AUTH_FAILURES
from apikeys.callers.caller import Caller
from apikeys.callers.recorder import CALLERS
from apikeys.credential_check import Verified
from apikeys.errors import DisabledKey, ExpiredKey, InvalidCredential, RevokedKey
from apikeys.plan_claims import CostExceedsLimit, UnknownUnits
from apikeys.request_credential import credential_of_text
from apikeys.validation import MAX_SCOPES
from gateway.deciding import DecidingAuthenticator
from gateway.unit_costs import costs_of, parse_costs, pointer_of_body, unknown_units
from latchkey.credentials import CredentialError
from latchkey.denials import cost_above_burst, cost_above_limit
from latchkey.limit_state import REQUESTS
from latchkey.problems import FieldError, ProblemError
from latchkey.validation import InvalidParameters, Rule, clean, integer, rejected
from ratelimit.decision import Decision
from ratelimit.limit import MAX_BURST, CostExceedsBurst
from ratelimit.plan_states import states_of
from ratelimit.violations import retry_after_seconds, violated_policies


class Code(StrEnum):
    """Code of the result. The names are part of the public API."""

    VALID = "VALID"
    INVALID = "INVALID"
    DISABLED = "DISABLED"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    INSUFFICIENT_SCOPE = "INSUFFICIENT_SCOPE"
    RATE_LIMITED = "RATE_LIMITED"


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """A code and, if the credential is correct, its key and the rate limit decision.

    `key_id` is the key ID in the credential, even if the secret is wrong.
    """

    code: Code
    verified: Verified | None = None
    decision: Decision | None = None
    key_id: str | None = None

    @property
    def logged(self) -> dict[str, str]:
        """Return the log fields. Only with INVALID is it unknown whether the secret belonged to the key."""
        # An imported token doesn't name its key, the record does.
        checked = self.verified.record.auth.key_id if self.verified else self.key_id
        return {"verdict": self.code.value, **({"checked_key_id": checked} if checked else {})}

    def as_json(self) -> dict[str, object]:
        """Return the response body of /v1/verify."""
        auth = self.verified.record.auth if self.verified else None
        return {
            "valid": self.code is Code.VALID,
            "code": self.code.value,
            "key_id": auth.key_id if auth else None,
            "label": auth.label if auth else None,
            "owner": auth.owner if auth else None,
            "scopes": sorted(auth.scopes) if auth else None,
            "metadata": self.verified.record.metadata if self.verified else None,
            "rate_limit": _limit_json(self.decision),
            "retry_after": retry_after_seconds(self.decision)
            if self.decision and self.code is Code.RATE_LIMITED
            else None,
            **self._plan_json(),
        }

    def _plan_json(self) -> dict[str, object]:
        """Return the members about the limits of the key's plan; none if it has no plan."""
        if self.decision is None or self.decision.shown is None:
            return {}
        limits = [limit.as_json() for limit in states_of(self.decision)]
        refused = self.code is Code.RATE_LIMITED
        return {"limits": limits, "violated_policies": violated_policies(self.decision) if refused else []}


Charge = Callable[[Verified], tuple[Verified, Decision]]
"""Charges a key. Returns the decision, and the record that it is based on."""


def evaluate(authenticator: DecidingAuthenticator, values: object, now: datetime) -> VerifyResult:
    """Evaluate `values`: credential (required), scopes (all are required), cost (default 1), costs (by unit).

    Raise InvalidParameters if the values are invalid, or if a cost is in an unknown unit or more than a limit ever
    allows.
    """
    cleaned: dict[str, Any] = clean(values, RULES, now, required=("credential",), credentials=("credential",))
    costs = costs_of(cleaned.get("cost"), cleaned.get("costs", {}), pointer_of_body)

    def charge(verified: Verified) -> tuple[Verified, Decision]:
        return authenticator.charge(verified, None, costs)

    return verdict(authenticator, cleaned["credential"], cleaned.get("scopes", []), charge)


def verdict(authenticator: DecidingAuthenticator, text: str, scopes: Sequence[str], charge: Charge) -> VerifyResult:
    """Return the verdict about the credential `text`, whose key needs all of `scopes`. `charge` charges the key.

    Raise InvalidParameters if a cost is in an unknown unit or more than a limit ever allows.
    """
    key_id = None
    try:
        credential = credential_of_text(text)
        # An imported token names no key.
        key_id = credential.key_id or None
        # Charge the key before scopes are checked, so that a key can't probe for scopes without limit. A wrong
        # credential costs the calling service one token, as every call does, and no address: `reauthenticate` doesn't
        # count it as an attempt.
        verified, decision = charge(authenticator.reauthenticate(credential, refresh=False))
    except CostExceedsBurst as error:
        raise InvalidParameters.of([_too_much(error)]) from None
    except UnknownUnits as error:
        raise unknown_units(error.units, pointer_of_body) from None
    except (CredentialError, InvalidCredential, DisabledKey, ExpiredKey, RevokedKey) as error:
        AUTH_FAILURES.labels(error.slug).inc()
        return VerifyResult(_CODES.get(type(error), Code.INVALID), key_id=key_id)
    if not decision.allowed:
        return VerifyResult(Code.RATE_LIMITED, verified, decision, key_id)
    code = Code.VALID if has_scopes(verified, scopes) else Code.INSUFFICIENT_SCOPE
    return VerifyResult(code, verified, decision, key_id)


def has_scopes(verified: Verified, scopes: Sequence[str]) -> bool:
    """Return whether the key has all of `scopes`."""
    return all(verified.record.auth.allows(scope) for scope in scopes)


def record_service(result: VerifyResult, service_key_id: str) -> None:
    """Record that the service with this key has received the credential of the verified key, if it is a sample.

    The address of the service's client is not known here.
    """
    if result.verified is not None:
        caller = Caller("", f"/v1/verify by {service_key_id}")
        CALLERS.record(result.verified.credential.key_id, lambda: caller)


_CODES: Final[dict[type[ProblemError], Code]] = {
    DisabledKey: Code.DISABLED,
    ExpiredKey: Code.EXPIRED,
    RevokedKey: Code.REVOKED,
}


def _limit_json(decision: Decision | None) -> dict[str, int] | None:
    """Return what is left of the limit, or None if the key is unlimited or the credential was rejected."""
    if decision is None or decision.limit is None:
        return None
    return {
        "limit": decision.limit.burst,
        "per_seconds": decision.limit.per_seconds,
        "remaining": decision.remaining,
        "next_token_seconds": decision.next_token_seconds,
        "reset_seconds": decision.reset_seconds,
    }


def _too_much(error: CostExceedsBurst) -> FieldError:
    """Return the fault of a cost that a limit of the key could never allow."""
    if isinstance(error, CostExceedsLimit):
        pointer = "/cost" if error.unit == REQUESTS else pointer_of_body(error.unit)
        return FieldError(pointer, "above-limit", cost_above_limit(error.name))
    return FieldError("/cost", "above-burst", cost_above_burst(error.cost, error.burst))


def _credential(value: object, _now: datetime) -> str:
    if not isinstance(value, str):
        raise rejected("not-a-string", "credential must be a string: key_id:secret or key_id.secret.")
    return value


def _scopes(value: object, _now: datetime) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise rejected("not-an-array", "scopes must be an array of strings.")
    if len(value) > MAX_SCOPES:
        raise rejected("too-many", f"scopes must have at most {MAX_SCOPES} entries.")
    return value


RULES: Final[Mapping[str, Rule]] = {
    "credential": _credential,
    "scopes": _scopes,
    "cost": lambda value, _now: integer(value, "cost", 1, MAX_BURST),
    "costs": lambda value, _now: parse_costs(value),
}
