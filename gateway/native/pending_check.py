"""Pending check: a request for /v1/check that waits for its decision on the fast path."""

from typing import NamedTuple

from apikeys.credential_check import Verified
from gateway.calls import Call
from gateway.check_parameters import CheckParameters
from gateway.native.endpoint import call_of
from gateway.native.request import EndpointRequest
from httpserver.fast_path import Reply


class PendingCheck(NamedTuple):
    """A request that waits for its decision: with a verified credential, or with the error to respond with.

    `looked_up` and `waited` say whether it has waited for a key lookup, or for the policies, in earlier iterations of
    the event loop.
    """

    reply: Reply
    started: float
    request_id: bytes
    parameters: CheckParameters
    verified: Verified | None
    error: Exception | None = None
    looked_up: bool = False
    waited: bool = False

    @property
    def is_late(self) -> bool:
        """Return whether it may have started before others of the event loop iteration in which it is decided."""
        return self.looked_up or self.waited


OutdatedCheck = tuple[PendingCheck, int]
"""A request that nothing was decided about, and the number of the policies that have to be read first."""


def call_of_reply(reply: Reply, request_id: bytes | None) -> Call:
    """Return the call that the request of `reply` makes. `request_id` is None if the client sent none."""
    scope = reply.scope
    return call_of(scope, EndpointRequest.of(scope, request_id))
