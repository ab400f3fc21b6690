"""Policy: what a verdict of Latchkey, or the lack of one, means for a request. It waits for nothing."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from latchkey import denials
from latchkey.client.failures import ClientError, ReceivedProblem
from latchkey.client.verification import Verification
from latchkey.credential_headers import DEFAULT
from latchkey.credentials import Credential, CredentialError
from latchkey.imports.shape import is_plausible_token
from latchkey.integrations.configuration import Configuration
from latchkey.integrations.diagnosis import diagnosis, is_outage
from latchkey.integrations.incoming import IncomingRequest
from latchkey.integrations.outcome import Allowed, Denied, Fields, Outcome, denied, response_fields
from latchkey.integrations.principal import UNVERIFIED, Principal
from latchkey.integrations.refill import wait_for_whole
from latchkey.problems import ProblemError

_RETRY_AFTER_SECONDS: Final = 5

logger = logging.getLogger("latchkey.integrations")


class Policy:
    """Decisions about requests. A denial is a value; no method raises an error because of what a client sent."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def begin(self, request: IncomingRequest, scopes: Sequence[str]) -> Credential | Outcome:
        """Return the credential to verify, or the outcome if Latchkey need not be called."""
        if self._configuration.trust_proxy_identity and request.proxy_identity is not None:
            return self.admit(request, Principal.of_proxy(request.proxy_identity), scopes)
        try:
            return DEFAULT.find(request.credential_fields, self._may_be_token)
        except CredentialError as error:
            # The frames of its traceback hold what the client sent.
            rejected = error.with_traceback(None)
        return self.deny(request, rejected)

    def decide(
        self,
        request: IncomingRequest,
        found: Verification,
        scopes: Sequence[str],
        whole: Mapping[str, int] | None = None,
    ) -> Outcome:
        """Return the outcome of a verification. `whole` is what the request costs with what it has paid, by unit."""
        fields = response_fields(request, found)
        principal = Principal.of_verification(found)
        if found.valid:
            return self.admit(request, principal, scopes, fields)
        if found.problem == "insufficient-scope":
            return self.deny_scope(request, self.missing_scope(principal, scopes) or " ".join(scopes), fields)
        if found.problem is None:
            logger.error(
                "Latchkey returned the code %s, which this version of the package latchkey does not know. The request "
                "gets a 503. Upgrade the package. request_id=%s",
                found.code[:40],
                request.request_id,
            )
            return self._unavailable(request)
        if found.problem == "quota-exceeded":
            # A quota that never starts again has no time to wait.
            seconds = found.retry_after_seconds if found.limits else found.retry_after_seconds or 1
            if seconds is not None and whole:
                seconds = wait_for_whole(seconds, found, whole)
            violated = found.violated_policies
            detail = denials.limit_exceeded(seconds, violated)
            error = _problem(found.problem, detail, violated_policies=violated, retry_after_seconds=seconds)
            return self.deny(request, error, fields)
        return self.deny(request, _problem(found.problem, denials.KEY_DENIALS[found.problem]), fields)

    def without_verdict(self, request: IncomingRequest, failure: ClientError) -> Outcome:
        """Return the outcome if Latchkey returned no verdict, and log why."""
        too_much = _above_limit(failure)
        if too_much is not None:
            return self._deny_cost(request, too_much)
        # Neither a traceback nor a call's arguments are logged: both hold credentials.
        outage = is_outage(failure)
        passes = outage and self._configuration.fail_open
        logger.log(
            logging.WARNING if passes else logging.ERROR,
            "%s %s request_id=%s",
            diagnosis(failure, self._configuration.url),
            "The request passes without a check, because LATCHKEY_FAIL_OPEN is on."
            if passes
            else "The request gets a 503.",
            request.request_id,
        )
        if passes:
            return Allowed(UNVERIFIED, response_fields(request, None))
        return self._unavailable(request, getattr(failure, "retry_after_seconds", None))

    def missing_scope(self, principal: Principal, scopes: Sequence[str]) -> str | None:
        """Return the first of `scopes` that the key lacks, or None. An unverified caller lacks none."""
        if not principal.verified:
            return None
        return next((scope for scope in scopes if not principal.allows(scope)), None)

    def deny(self, request: IncomingRequest, error: ProblemError, fields: Fields | None = None) -> Denied:
        """Return the problem response for `error`. `fields` default to those of a response without a rate limit."""
        known = response_fields(request, None) if fields is None else fields
        return denied(request, error, known, self._configuration.public_url)

    def deny_scope(self, request: IncomingRequest, scope: str, fields: Fields | None = None) -> Denied:
        """Return the response to a request whose key lacks `scope`."""
        return self.deny(request, _problem("insufficient-scope", denials.missing_scope(scope)), fields)

    def deny_cost(self, request: IncomingRequest, cost: int, burst: int, fields: Fields | None = None) -> Denied:
        """Return the response to a request that costs more tokens than the key's bucket of `burst` can hold."""
        return self._deny_cost(request, denials.cost_above_burst(cost, burst), fields)

    def _deny_cost(self, request: IncomingRequest, detail: str, fields: Fields | None = None) -> Denied:
        return self.deny(request, _problem("limit-too-small", detail), fields)

    def _may_be_token(self, text: str) -> bool:
        """Return whether Latchkey is asked if `text`, which isn't a credential of its own, is an imported token."""
        return self._configuration.imported_tokens and is_plausible_token(text)

    def admit(
        self, request: IncomingRequest, principal: Principal, scopes: Sequence[str], fields: Fields | None = None
    ) -> Outcome:
        """Return that the request is allowed, unless its key lacks one of `scopes`."""
        known = response_fields(request, None) if fields is None else fields
        missing = self.missing_scope(principal, scopes)
        return Allowed(principal, known) if missing is None else self.deny_scope(request, missing, known)

    def _unavailable(self, request: IncomingRequest, retry_after_seconds: int | None = None) -> Denied:
        seconds = retry_after_seconds or _RETRY_AFTER_SECONDS
        # The caller has done nothing wrong, and must not learn what is wrong with the service.
        unit = "second" if seconds == 1 else "seconds"
        detail = (
            f"The API key can't be checked at the moment. Retry in {seconds} {unit}. "
            "If it keeps failing, give the request ID to the operator of this service."
        )
        return self.deny(request, _problem("unavailable", detail, retry_after_seconds=seconds))


def _problem(
    slug: str, detail: str, *, violated_policies: Sequence[str] = (), retry_after_seconds: int | None = None
) -> ProblemError:
    error = ProblemError(detail, violated_policies=violated_policies, retry_after_seconds=retry_after_seconds)
    error.slug = slug
    return error


def _above_limit(failure: ClientError) -> str | None:
    """Return the detail of the denial if the request costs more than a limit of the caller's key ever allows."""
    errors = failure.errors if isinstance(failure, ReceivedProblem) else ()
    return next((error.detail for error in errors if error.code in ("above-burst", "above-limit")), None)
