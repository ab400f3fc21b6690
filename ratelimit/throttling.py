"""Django REST framework's door to the bucket: a throttle whose answer is one decision of the limiter."""

from typing import Final

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from ratelimit.decision import Decision

_DECISION: Final = "latchkey.rate_limit_decision"


def decision_of(environ: dict[str, object]) -> Decision | None:
    """The decision that was taken for the request with this `META`, if one was."""
    decision = environ.get(_DECISION)
    return decision if isinstance(decision, Decision) else None


class TokenBucketThrottle(BaseThrottle):
    """Lets a request pass where its bucket does. A subclass says whose bucket that is."""

    _wait_seconds: int | None = None

    def decide(self, request: Request, view: APIView) -> Decision | None:
        """Takes the request's tokens; None where no bucket applies."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        decision = self.decide(request, view)
        if decision is None:
            return True
        request.META[_DECISION] = decision
        if not decision.allowed:
            self._wait_seconds = decision.retry_after_seconds
        return decision.allowed

    def wait(self) -> float | None:
        return self._wait_seconds
