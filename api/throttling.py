"""DRF throttle of an authenticated key."""

from rest_framework.request import Request
from rest_framework.views import APIView

from apikeys.authenticator import default_authenticator
from apikeys.callers.caller import caller_of_environ
from apikeys.callers.recorder import CALLERS
from apikeys.credential_check import Verified
from apikeys.request_context import address_of
from ratelimit.decision import Decision
from ratelimit.throttling import TokenBucketThrottle


class KeyThrottle(TokenBucketThrottle):
    """DRF throttle that takes one token of the calling key's bucket."""

    def decide(self, request: Request, view: APIView) -> Decision | None:
        if not isinstance(request.auth, Verified):
            return None
        verified, decision = default_authenticator().charge(request.auth, address_of(request.META))
        CALLERS.record(verified.credential.key_id, lambda: caller_of_environ(request.META))
        # The key has changed since it was authenticated. Everything that follows uses its current state.
        if verified is not request.auth:
            request.user, request.auth = verified.record.auth, verified  # type: ignore[assignment]
        return decision
