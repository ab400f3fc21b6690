"""Transport of calls: sends them with their key, request ID and trace, and again if that's safe.

It never sends a call on to another server.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypedDict, Unpack

import httpx

from latchkey import __version__, headers
from latchkey.client.address import host_of
from latchkey.client.attempt import Attempt, AttemptObserver
from latchkey.client.connection_failures import connection_failure
from latchkey.client.deadline import Deadline
from latchkey.client.failures import ClientError, NotJSON, TimedOut
from latchkey.client.response import check_origin, response_error, response_json
from latchkey.client.retries import RetryPolicy
from latchkey.credentials import Credential
from latchkey.request_id import new_request_id
from latchkey.trace_context import TraceContext, trace_of_request

MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024

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
    """A successful response: its JSON, and its `ETag` if it has one."""

    value: Any
    etag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """Sender of calls to `url`.

    If `request_id` is given, all calls carry it and belong to `trace`; otherwise each has its own ID and trace.
    `timeout_seconds` is for each attempt as a whole: to get a connection, to send, and to read the whole response.
    """

    http: httpx.Client
    url: str
    credential: Credential | None
    timeout_seconds: float
    retries: RetryPolicy
    observe: AttemptObserver
    sleep: Callable[[float], None]
    request_id: str | None = None
    trace: TraceContext | None = None

    def call(self, method: str, path: str, **sent: Unpack[CallOptions]) -> Any:
        """Return the JSON of the response, or None for a response without a body. Raises ClientError.

        `accepted_statuses` has the statuses that are results and not failures.
        """
        return self.receive(method, path, **sent).value

    def receive(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        json: object = None,
        header_fields: Parameters | None = None,
        accepted_statuses: Sequence[int] = (),
        idempotent: bool = False,
    ) -> CallResult:
        """Return what `call` returns, with its ETag. Raises ClientError."""
        # All attempts of a call share one request ID, so that the server's log shows them together.
        request_id, trace = self._call_identity()
        idempotent = idempotent or headers.IDEMPOTENCY_KEY in (header_fields or {})
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            remaining = self.retries.total_seconds - (time.monotonic() - started)
            deadline = Deadline(min(self.timeout_seconds, remaining))
            sent = {"params": params, "json": json, "header_fields": header_fields, "extensions": {"timeout": deadline}}
            try:
                with self._attempt(method, path, attempt, request_id, trace, **sent) as response:
                    body = self._body(response, deadline)
                    if not response.is_success and response.status_code not in accepted_statuses:
                        raise response_error(response, body)
                    check_origin(response)
                    value = None if response.status_code == 204 else response_json(response, body)
                    return CallResult(value, _etag(response))
            except ClientError as failure:
                spent = time.monotonic() - started
                wait = self.retries.wait_before_next(
                    failure, method=method, attempt=attempt, idempotent=idempotent, spent_seconds=spent
                )
                if wait is None:
                    raise
            self.sleep(wait)

    @contextmanager
    def stream(
        self, path: str, *, params: Parameters, header_fields: Parameters, read_timeout_seconds: float
    ) -> Iterator[Any]:
        """Yield the response to a GET whose body is read as it arrives. Raises ClientError, also while it's read.

        `read_timeout_seconds` is for how long nothing may arrive. The call isn't repeated.
        """
        request_id, trace = self._call_identity()
        timeout = httpx.Timeout(self.timeout_seconds, read=read_timeout_seconds)
        sent = {"params": params, "header_fields": header_fields, "timeout": timeout}
        with self._attempt("GET", path, 1, request_id, trace, **sent) as response:
            if not response.is_success:
                raise response_error(response, self._body(response, Deadline(self.timeout_seconds)))
            yield response

    @contextmanager
    def _attempt(
        self, method: str, path: str, attempt: int, request_id: str, trace: TraceContext, **sent: Any
    ) -> Iterator[httpx.Response]:
        """Send one request, report it to `observe`, and turn httpx's errors into our own."""
        started = time.perf_counter()
        status: int | None = None
        failure: ClientError | None = None
        try:
            with self._send(method, path, request_id, trace, **sent) as response:
                status = response.status_code
                yield response
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
                failure.request_id = failure.request_id or request_id
            milliseconds = round((time.perf_counter() - started) * 1000, 2)
            self.observe(Attempt(method, path, attempt, status, failure, milliseconds, request_id, trace.trace_id))

    @contextmanager
    def _send(
        self,
        method: str,
        path: str,
        request_id: str,
        trace: TraceContext,
        *,
        header_fields: Parameters | None = None,
        **sent: Any,
    ) -> Iterator[httpx.Response]:
        default_fields = {
            "User-Agent": f"latchkey/{__version__}",
            "Accept": "application/json",
            headers.REQUEST_ID: request_id,
            headers.TRACEPARENT: trace.child().traceparent,
            **({headers.API_KEY: self.credential.reveal()} if self.credential else {}),
            **(header_fields or {}),
        }
        options = {name: value for name, value in sent.items() if value is not None}
        # A redirect would send the key to another server.
        with self.http.stream(
            method, self.url + path, headers=default_fields, follow_redirects=False, **options
        ) as response:
            yield response

    def _body(self, response: httpx.Response, deadline: Deadline) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_RESPONSE_BYTES:
                raise NotJSON(f"The response has more than {MAX_RESPONSE_BYTES} bytes.")
            # A read that finds data doesn't time out, so a body that keeps trickling in is cut here.
            if deadline.expired:
                raise TimedOut(f"{host_of(self.url)} sends its response too slowly.")
        return bytes(body)

    def _call_identity(self) -> tuple[str, TraceContext]:
        request_id = self.request_id or new_request_id()
        return request_id, self.trace or trace_of_request(request_id)


def _etag(response: httpx.Response) -> str | None:
    """Return the strong ETag, or None."""
    tag: str | None = response.headers.get(headers.ETAG)
    # A proxy that compresses marks the tag as weak, but the state is the one that Latchkey named.
    return tag.removeprefix("W/") if tag else None
