"""Parts of a call that don't depend on how it waits: what is sent, how it's recorded, and how its response is read."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypedDict

import httpx

from latchkey import __version__, headers
from latchkey.client.address import host_of
from latchkey.client.attempt import Attempt, AttemptObserver
from latchkey.client.connection_failures import connection_failure
from latchkey.client.deadline import Deadline
from latchkey.client.failures import ClientError, NotJSON, TimedOut
from latchkey.client.response import check_origin, response_error, response_json
from latchkey.credentials import Credential
from latchkey.request_id import new_request_id
from latchkey.trace_context import TraceContext, trace_of_request

MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024
# Latchkey closes a connection that is idle for 75 seconds. The client has to be the first to close it: otherwise a
# call could be sent at the moment in which the server closes.
_KEEPALIVE_SECONDS: Final = 30.0

Parameters = Mapping[str, str]


class CallOptions(TypedDict, total=False):
    """What a call sends. `accepted_statuses` has the statuses that are results and not failures.

    A call that is `idempotent` does no more if it is made twice.
    """

    params: Parameters | None
    json: object
    header_fields: Parameters | None
    accepted_statuses: Sequence[int]
    idempotent: bool


@dataclass(frozen=True, slots=True)
class CallResult:
    """A successful response: its JSON, its request ID, and its `ETag` if it has one."""

    value: Any
    request_id: str
    etag: str | None


@dataclass(slots=True)
class Recorded:
    """An attempt that is being made. `status` is set once there is a response."""

    request_id: str
    trace: TraceContext
    status: int | None = None


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

    def call_identity(self) -> tuple[str, TraceContext]:
        """Return the request ID and the trace of a new call."""
        request_id = self.request_id or new_request_id()
        return request_id, self.trace or trace_of_request(request_id)

    @contextmanager
    def recorded(self, method: str, path: str, number: int, identity: tuple[str, TraceContext]) -> Iterator[Recorded]:
        """Report an attempt to `observe`, and turn httpx's errors into our own."""
        attempt = Recorded(*identity)
        started = time.perf_counter()
        failure: ClientError | None = None
        try:
            yield attempt
        except httpx.TransportError as error:
            failure = connection_failure(error, host_of(self.url))
            raise failure from None
        except httpx.DecodingError:
            failure = NotJSON("The response cannot be decoded.")
            raise failure from None
        except ClientError as raised:
            failure = raised
            raise
        finally:
            if failure is not None:
                failure.request_id = failure.request_id or attempt.request_id
            milliseconds = round((time.perf_counter() - started) * 1000, 2)
            trace_id = attempt.trace.trace_id
            made = Attempt(method, path, number, attempt.status, failure, milliseconds, attempt.request_id, trace_id)
            self.observe(made)

    def request(self, method: str, path: str, attempt: Recorded, sent: CallOptions) -> dict[str, Any]:
        """Return the arguments of httpx's `stream` for one attempt."""
        fields = {
            "User-Agent": f"latchkey/{__version__}",
            "Accept": "application/json",
            headers.REQUEST_ID: attempt.request_id,
            headers.TRACEPARENT: attempt.trace.child().traceparent,
            **(headers.credential_field(self.api_key_header, self.credential.reveal()) if self.credential else {}),
            **(sent.get("header_fields") or {}),
        }
        # A redirect would send the key to another server.
        request = {"method": method, "url": self.url + path, "headers": fields, "follow_redirects": False}
        body = {"params": sent.get("params"), "json": sent.get("json")}
        return request | {name: value for name, value in body.items() if value is not None}


class ResponseBody:
    """Body of a response that is being read. Raises ClientError if it's too large or too slow."""

    def __init__(self, deadline: Deadline, response: httpx.Response) -> None:
        self._deadline = deadline
        self._host = response.url.netloc.decode()
        self._read = bytearray()

    def add(self, chunk: bytes) -> None:
        """Keep `chunk`."""
        self._read += chunk
        if len(self._read) > MAX_RESPONSE_BYTES:
            raise NotJSON(f"The response has more than {MAX_RESPONSE_BYTES} bytes.")
        # A read that finds data doesn't time out, so a body that keeps trickling in is cut here.
        if self._deadline.expired:
            raise TimedOut(f"{self._host} sends its response too slowly.")

    def __bytes__(self) -> bytes:
        return bytes(self._read)


def call_result(response: httpx.Response, body: bytes, accepted_statuses: Sequence[int]) -> CallResult:
    """Return what a response that has been read stands for. Raises ClientError."""
    if not response.is_success and response.status_code not in accepted_statuses:
        raise response_error(response, body)
    check_origin(response)
    value = None if response.status_code == 204 else response_json(response, body)
    return CallResult(value, response.headers.get(headers.REQUEST_ID, ""), _etag(response))


def connection_limits(max_connections: int) -> httpx.Limits:
    """Return the bounds of a client's connection pool."""
    return httpx.Limits(
        max_connections=max_connections,
        max_keepalive_connections=max_connections,
        keepalive_expiry=_KEEPALIVE_SECONDS,
    )


def _etag(response: httpx.Response) -> str | None:
    """Return the strong ETag, or None."""
    tag: str | None = response.headers.get(headers.ETAG)
    # A proxy that compresses marks the tag as weak, but the state is the one that Latchkey named.
    return tag.removeprefix("W/") if tag else None
