"""Requests that may hash a password: they use one thread of the worker, behind a bounded queue.

A hash takes long, so it must not delay other requests.
"""

from collections import Counter
from time import perf_counter
from typing import Final

from apikeys.errors import QuotaExceeded
from gateway.native.overload import SAFE, send_rejection
from gateway.native.request import EndpointRequest
from httpserver.asgi_types import ASGIApplication, Receive, Scope, Send
from httpserver.buffered_response import buffered_response
from latchkey.problems import ProblemError

MAX_REQUESTS: Final = 16
MAX_PER_ADDRESS: Final = 4
RETRY_AFTER_SECONDS: Final = 5

_PATHS: Final = ("/admin/login/", "/admin/password_change/", "/admin/authenticator/", "/admin/set-password/")


class TooManySignIns(ProblemError):
    """The worker's queue is full."""

    slug = "unavailable"


def may_hash_password(scope: Scope) -> bool:
    """Return whether a request may sign in, confirm a password, or set one."""
    return scope["method"] not in SAFE and scope["path"].startswith(_PATHS)


class PasswordQueue:
    """Bounded queue of requests for `django`, which has one thread.

    MAX_REQUESTS requests may run or wait, of which MAX_PER_ADDRESS may come from one address. A flood from one
    address therefore leaves room for others. Requests beyond that get an error with Retry-After, without using a
    thread.
    """

    def __init__(self, django: ASGIApplication) -> None:
        self._django = django
        self._waiting: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = EndpointRequest.of(scope)
        error = self._rejection(request.address)
        if error is not None:
            await send_rejection(error, scope, request, send, perf_counter())
            return
        self._waiting[request.address] += 1
        try:
            messages = await buffered_response(self._django, scope, receive)
        finally:
            self._waiting[request.address] -= 1
            # Removes addresses without waiting requests, so that the counter doesn't grow.
            self._waiting += Counter()
        for message in messages:
            await send(message)

    def _rejection(self, address: str) -> ProblemError | None:
        if self._waiting[address] >= MAX_PER_ADDRESS:
            return QuotaExceeded(
                "Too many sign-ins from this address at the same time.",
                violated_policies=["address"],
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        if self._waiting.total() >= MAX_REQUESTS:
            return TooManySignIns("Too many sign-ins at the same time.", retry_after_seconds=RETRY_AFTER_SECONDS)
        return None
