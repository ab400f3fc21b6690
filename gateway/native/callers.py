"""Callers of keys on the native endpoints: what a sampled request says about where it comes from."""

from functools import partial
from typing import Final

from apikeys.callers.caller import Caller, caller_of, trusted_host
from apikeys.callers.recorder import CALLERS
from gateway.native.request import EndpointRequest
from httpserver.asgi_types import Scope

_USER_AGENT: Final = b"user-agent"
_FORWARDED_HOST: Final = b"x-forwarded-host"


def record_call(key_id: str, scope: Scope, *, is_check: bool) -> None:
    """Record the caller of an authenticated request, if it is a sample."""
    CALLERS.record(key_id, partial(caller_of_scope, scope, is_check=is_check))


def caller_of_scope(scope: Scope, *, is_check: bool) -> Caller:
    """Return the caller that the request in `scope` names. A proxy may have sent a check for its client."""
    sent = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (_USER_AGENT, _FORWARDED_HOST)}
    client = scope.get("client")
    host = trusted_host(client[0] if client else "", sent.get(_FORWARDED_HOST, "")) if is_check else ""
    return caller_of(EndpointRequest.of(scope).address, sent.get(_USER_AGENT, ""), host)
