"""/v1/check: whether a request that a proxy received is allowed, and the response to the proxy."""

from apikeys.auth_failures import AUTH_FAILURES
from apikeys.credential_check import Verified
from apikeys.errors import InsufficientScope, LimitTooSmall, QuotaExceeded
from apikeys.plan_claims import CostExceedsLimit, UnknownUnits
from apikeys.request_credential import request_credential
from gateway.calls import Call, GatewayResponse, error_response
from gateway.check_parameters import CheckParameters, parse_check_parameters
from gateway.deciding import DecidingAuthenticator
from gateway.unit_costs import pointer_of_query, unknown_units
from latchkey import headers
from latchkey.credentials import Credential, CredentialError
from latchkey.denials import cost_above_burst, cost_above_limit
from latchkey.headers import NO_STORE
from latchkey.identity import identity_headers
from latchkey.problems import ProblemError
from ratelimit.decision import Decision
from ratelimit.headers import rate_limit_headers
from ratelimit.limit import CostExceedsBurst
from ratelimit.violations import retry_after_seconds, violated_policies


def check(authenticator: DecidingAuthenticator, call: Call) -> GatewayResponse:
    """Return the response to a call. Raise the database's or bucket store's exception if it does not answer."""
    parameters = CheckParameters()
    try:
        parameters = parse_check_parameters(call.query)
        credential = credential_of(call)
        verified, decision = authenticator.authenticate_and_charge(credential, call.address, parameters.costs)
    except CostExceedsBurst as error:
        return error_response(above_limit(error), parameters, call)
    except UnknownUnits as error:
        return error_response(unknown_units(error.units, pointer_of_query), parameters, call)
    except ProblemError as error:
        return error_response(error, parameters, call)
    return response_to(verified, decision, parameters, call)


def credential_of(call: Call) -> Credential:
    """Return the call's only credential. Raise CredentialError otherwise, and count the failure."""
    try:
        return request_credential(call.credential_fields)
    except CredentialError as error:
        AUTH_FAILURES.labels(error.slug).inc()
        raise


def response_to(verified: Verified, decision: Decision, parameters: CheckParameters, call: Call) -> GatewayResponse:
    """Return the response for a key that was charged."""
    auth = verified.record.auth
    logged = {"key_id": auth.key_id}
    if not decision.allowed:
        throttled = QuotaExceeded.of_key(violated_policies(decision), retry_after_seconds(decision))
        return error_response(throttled, parameters, call, decision=decision, logged=logged, charged=auth.key_id)
    # Check scopes after charging: a 403 costs as much as a 204, so a key can't probe for scopes for free.
    missing = next((scope for scope in parameters.scopes if not auth.allows(scope)), None)
    if missing is not None:
        denied = InsufficientScope.for_call(missing)
        return error_response(denied, parameters, call, decision=decision, logged=logged, charged=auth.key_id)
    fields = [
        *identity_headers(auth),
        *rate_limit_headers(decision),
        NO_STORE,
        (headers.REQUEST_ID, call.request_id),
    ]
    status = 200 if parameters.allow_as_ok else 204
    return GatewayResponse(status, fields, logged=logged, charged=auth.key_id)


def above_limit(error: CostExceedsBurst) -> LimitTooSmall:
    """Return the problem for a cost that a limit of the key can never allow, however long the client waits.

    Another request may use the same key, so the problem is about the key, not about this call.
    """
    if isinstance(error, CostExceedsLimit):
        return LimitTooSmall(cost_above_limit(error.name))
    return LimitTooSmall(cost_above_burst(error.cost, error.burst))
