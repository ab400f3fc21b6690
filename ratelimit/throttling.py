"""Django REST framework throttle based on a decision of the rate limiter."""

from typing import Final

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from ratelimit.decision import Decision

_DECISION: Final = "latchkey.rate_limit_decision"


def decision_of(environ: dict[str, object]) -> Decision | None:
    """Return the decision that was taken for the request with this `META`, or None if there is none."""
    decision = environ.get(_DECISION)
    return decision if isinstance(decision, Decision) else None


class TokenBucketThrottle(BaseThrottle):
    """DRF throttle that allows a request if its bucket allows it. A subclass chooses the bucket."""

    _wait_seconds: int | None = None

    def decide(self, request: Request, view: APIView) -> Decision | None:
        """Take the request's tokens and return the decision, or None if no bucket applies to the request."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        decision = self.decide(request, view)
        if decision is None:
            return True
        # The middleware that sets the rate limit headers of the response reads the decision from here.
        request.META[_DECISION] = decision
        if not decision.allowed:
            self._wait_seconds = decision.retry_after_seconds
        return decision.allowed

    def wait(self) -> float | None:
        return self._wait_seconds
