"""What the blocking and the asynchronous client have in common."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final, Generic, Self, TypeVar

from latchkey.client.exchange import Caller, CallOptions
from latchkey.credentials import Credential, parse_credential
from latchkey.limit_state import REQUESTS
from latchkey.request_id import is_request_id
from latchkey.trace_context import trace_of_request

DEFAULT_TIMEOUT_SECONDS: Final = 10.0
DEFAULT_CONNECTIONS: Final = 100
VERIFY_PATH: Final = "/v1/verify"

_Transport = TypeVar("_Transport", bound=Caller)


class BaseClient(Generic[_Transport]):
    """A client, without its calls: its key, and copies of it that share its connections."""

    _transport: _Transport

    def with_request_id(self, request_id: str) -> Self:
        """Return the same client, whose calls all carry this request ID and belong to one trace.

        Raises ValueError for an ID that the server would replace. A valid one has 1 to 128 characters of `A-Z a-z
        0-9 . _ -` and holds no secret.
        """
        checked = _checked_request_id(request_id)
        return self._with(request_id=checked, trace=trace_of_request(checked))

    def with_credential(self, credential: Credential) -> Self:
        """Return the same client with another key, for example after a rotation of its own key."""
        return self._with(credential=credential)

    @property
    def key_id(self) -> str | None:
        """Return the ID of the calling key, or None without one."""
        return self._transport.credential.key_id if self._transport.credential else None

    def _with(self, **changes: object) -> Self:
        """Return a copy of this client with other values in its transport."""
        # __init__ would open connections of its own; the copy shares those of this client.
        copy = object.__new__(type(self))
        copy._transport = dataclasses.replace(self._transport, **changes)  # type: ignore[arg-type]
        return copy


def own_credential(api_key: str | Credential | None) -> Credential | None:
    """Return the calling key's credential. Raises MalformedCredential."""
    return parse_credential(api_key) if isinstance(api_key, str) else api_key


def verify_options(
    credential: Credential,
    scopes: Sequence[str],
    cost: int,
    costs: Mapping[str, int] | None,
    request_id: str | None = None,
) -> CallOptions:
    """Return what a verification sends. Raises ValueError if `cost` and `costs` both name the cost in requests, and for
    an ID that can't be that of a request.
    """
    body = {"credential": credential.reveal(), "scopes": list(scopes), **costs_body(cost, costs)}
    return {"json": body, "request_id": None if request_id is None else _checked_request_id(request_id)}


def _checked_request_id(request_id: str) -> str:
    if not is_request_id(request_id):
        raise ValueError("a request ID must be 1 to 128 letters, digits, '.', '_' or '-', without a secret")
    return request_id


def costs_body(cost: int, costs: Mapping[str, int] | None) -> dict[str, object]:
    """Return the costs as a call sends them. Raises ValueError if `cost` and `costs` both name the cost in requests."""
    body: dict[str, object] = {"costs": dict(costs)} if costs else {}
    if REQUESTS not in (costs or ()):
        body["cost"] = cost
    elif cost != 1:
        raise ValueError(f"pass either cost or the cost of the unit {REQUESTS}")
    return body
