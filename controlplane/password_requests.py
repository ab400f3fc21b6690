"""Requests that may hash a password. They run on one thread of the worker, so that a hash keeps no other request
waiting, behind a queue with a bound.
"""

from collections import Counter
from time import perf_counter
from typing import Final

from apikeys.errors import QuotaExceeded
from controlplane.gateway_door.request import DoorRequest
from controlplane.refused_request import SAFE, refuse
from controlplane.server.asgi_types import ASGIApplication, Receive, Scope, Send
from controlplane.whole_answer import whole_answer
from latchkey.problems import ProblemError

AT_MOST: Final = 16
AT_MOST_OF_AN_ADDRESS: Final = 4
RETRY_AFTER_SECONDS: Final = 5

_PATHS: Final = ("/admin/login/", "/admin/password_change/", "/admin/authenticator/", "/admin/auth/user/")


class TooManySignIns(ProblemError):
    """The queue of the worker is full."""

    slug = "unavailable"


def may_hash_password(scope: Scope) -> bool:
    """Return whether a request is one of those that sign in, prove who is there, or set a password."""
    return scope["method"] not in SAFE and scope["path"].startswith(_PATHS)


class PasswordRequests:
    """Gives requests to `django`, which has one thread. AT_MOST may run and wait, AT_MOST_OF_AN_ADDRESS of one address.

    So a flood from one address leaves room for the others. Requests beyond that get a response with a Retry-After, and
    cost nothing.
    """

    def __init__(self, django: ASGIApplication) -> None:
        self._django = django
        self._waiting: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = DoorRequest.of(scope)
        error = self._error(request.address)
        if error is not None:
            await refuse(error, scope, request, send, perf_counter())
            return
        self._waiting[request.address] += 1
        try:
            messages = await whole_answer(self._django, scope, receive)
        finally:
            self._waiting[request.address] -= 1
            self._waiting += Counter()  # drops addresses of which none waits
        for message in messages:
            await send(message)

    def _error(self, address: str) -> ProblemError | None:
        if self._waiting[address] >= AT_MOST_OF_AN_ADDRESS:
            return QuotaExceeded(
                "Too many sign-ins from this address at the same time.",
                violated_policies=["address"],
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        if self._waiting.total() >= AT_MOST:
            return TooManySignIns("Too many sign-ins at the same time.", retry_after_seconds=RETRY_AFTER_SECONDS)
        return None
