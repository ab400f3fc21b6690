"""Parts of a call that don't depend on how it waits: what is sent, how it's recorded, and how its response is read."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypedDict

import httpx

from latchkey import __version__, headers
from latchkey.client.address import host_of
from latchkey.client.attempt import Attempt, AttemptObserver
from latchkey.client.connection_failures import connection_failure
from latchkey.client.failures import ClientError, NotJSON
from latchkey.client.http1.request import Request
from latchkey.client.http1.response import Response
from latchkey.client.http1.server import Server
from latchkey.client.response import check_origin, response_error, response_json
from latchkey.credentials import Credential
from latchkey.request_id import new_request_id
from latchkey.trace_context import TraceContext, trace_of_request

MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024
_USER_AGENT: Final = f"latchkey/{__version__}"
_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# Anything else is percent-encoded as httpx does.
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/._~-]+")

Parameters = Mapping[str, str]


class CallOptions(TypedDict, total=False):
    """What a call sends. `accepted_statuses` has the statuses that are results and not failures.

    A call that is `idempotent` does no more if it is made twice. `request_id` is that of this call, in place of the
    client's.
    """

    params: Parameters | None
    json: object
    header_fields: Parameters | None
    accepted_statuses: Sequence[int]
    idempotent: bool
    request_id: str | None


@dataclass(frozen=True, slots=True)
class CallResult:
    """A successful response: its JSON, its request ID, and its `ETag` if it has one."""

    value: Any
    request_id: str
    etag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What all calls to `url` have in common.

    If `request_id` is given, all calls carry it and belong to `trace`; otherwise each has its own ID and trace.
    `api_key_header` is the field that carries the credential. `timeout_seconds` is for each attempt as a whole: to
    get a connection, to send, and to read the whole response.
    """

    url: str
    credential: Credential | None
    timeout_seconds: float
    observe: AttemptObserver
    api_key_header: str = headers.API_KEY
    request_id: str | None = None
    trace: TraceContext | None = None

    def call_identity(self, own: str | None = None) -> tuple[str, TraceContext]:
        """Return the request ID and the trace of a new call, whose request ID is `own` if it has one."""
        if own is not None:
            return own, trace_of_request(own)
        request_id = self.request_id or new_request_id()
        return request_id, self.trace or trace_of_request(request_id)

    def recorded(self, method: str, path: str, number: int, identity: tuple[str, TraceContext]) -> "Recorded":
        """Return a context that reports an attempt to `observe`, and turns httpx's errors into our own."""
        return Recorded(self, method, path, number, identity)

    def request(self, server: Server, method: str, path: str, attempt: "Recorded", sent: CallOptions) -> Request:
        """Return the request of one attempt. Raises ValueError for a body that isn't JSON."""
        fields = {
            "User-Agent": _USER_AGENT,
            "Accept": "application/json",
            # A response that is compressed for a short call saves nothing.
            "Accept-Encoding": "identity",
            headers.REQUEST_ID: attempt.request_id,
            headers.TRACEPARENT: attempt.trace.child().traceparent,
        }
        if self.credential is not None:
            fields |= headers.credential_field(self.api_key_header, self.credential.reveal())
        fields |= sent.get("header_fields") or {}
        body = None
        if (value := sent.get("json")) is not None:
            body = _encoded(value)
            fields["Content-Type"] = "application/json"
        return Request(method, _target(server, path, sent.get("params")), fields, body)


def _encoded(value: object) -> bytes:
    """Return a body as JSON. Raise ValueError for a text that isn't valid Unicode."""
    text = _JSON.encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    # Here, the error isn't linked to the one above, which holds the whole body and so a credential.
    raise ValueError("a text to send has a surrogate without its pair, so it isn't valid Unicode")


class Recorded:
    """An attempt that is being made. `status` is set once there is a response.

    As a context manager, it reports the attempt to the caller's `observe`, and turns httpx's errors into our own.
    """

    __slots__ = ("_caller", "_method", "_number", "_path", "_started", "request_id", "status", "trace")

    def __init__(self, caller: Caller, method: str, path: str, number: int, identity: tuple[str, TraceContext]) -> None:
        self._caller = caller
        self._method = method
        self._path = path
        self._number = number
        self.request_id, self.trace = identity
        self.status: int | None = None

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        return self

    def __exit__(self, _type: type[BaseException] | None, error: BaseException | None, _tb: object) -> None:
        failure = _failure(error, self._caller.url)
        if failure is not None:
            failure.request_id = failure.request_id or self.request_id
        milliseconds = round((time.perf_counter() - self._started) * 1000, 2)
        made = (self._number, self.status, failure, milliseconds, self.request_id, self.trace.trace_id)
        self._caller.observe(Attempt(self._method, self._path, *made))
        if failure is not None and failure is not error:
            raise failure from None


def call_result(response: Response, url: str, accepted_statuses: Sequence[int]) -> CallResult:
    """Return what the response to a request to `url` stands for. Raises ClientError."""
    if not response.is_success and response.status not in accepted_statuses:
        raise response_error(response, url)
    check_origin(response)
    value = None if response.status == 204 else response_json(response)
    return CallResult(value, response.field(headers.REQUEST_ID) or "", _etag(response))


def _failure(error: BaseException | None, url: str) -> ClientError | None:
    """Return the failure of a call that ended with `error`, or None if it's of no kind that a call may raise."""
    if isinstance(error, ClientError):
        return error
    if isinstance(error, httpx.TransportError):
        return connection_failure(error, host_of(url))
    return NotJSON("The response cannot be decoded.") if isinstance(error, httpx.DecodingError) else None


def _target(server: Server, path: str, params: Parameters | None) -> str:
    """Return the target of a request: the path with the prefix of the server's URL, and the query."""
    if not params and _PLAIN_PATH.fullmatch(path):
        return server.prefix + path
    return httpx.URL(server.origin + server.prefix + path, params=params).raw_path.decode("ascii")


def _etag(response: Response) -> str | None:
    """Return the strong ETag, or None."""
    tag = response.field(headers.ETAG)
    # A proxy that compresses marks the tag as weak, but the state is the one that Latchkey named.
    return tag.removeprefix("W/") if tag else None
