"""Transport of calls that block: sends them with their key, request ID and trace, and again if that's safe.

It never sends a call on to another server.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Unpack

import httpx

from latchkey import headers
from latchkey.client import exchange
from latchkey.client.deadline import Deadline
from latchkey.client.exchange import Caller, CallOptions, CallResult, Parameters, call_result
from latchkey.client.failures import ClientError
from latchkey.client.httpx_responses import HttpxBody
from latchkey.client.response import response_error
from latchkey.client.retries import RetryPolicy
from latchkey.client.sender import Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport(Caller):
    """Sender of calls that block the calling thread."""

    http: Sender
    retries: RetryPolicy
    sleep: Callable[[float], None]

    def call(self, method: str, path: str, **sent: Unpack[CallOptions]) -> Any:
        """Return the JSON of the response, or None for a response without a body. Raises ClientError.

        `accepted_statuses` has the statuses that are results and not failures.
        """
        return self.receive(method, path, **sent).value

    def receive(self, method: str, path: str, **sent: Unpack[CallOptions]) -> CallResult:
        """Return what `call` returns, with its request ID and ETag. Raises ClientError."""
        # All attempts of a call share one request ID, so that the server's log shows them together.
        identity = self.call_identity(sent.get("request_id"))
        idempotent = sent.get("idempotent", False) or headers.IDEMPOTENCY_KEY in (sent.get("header_fields") or {})
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            remaining = self.retries.total_seconds - (time.monotonic() - started)
            deadline = Deadline(min(self.timeout_seconds, remaining))
            try:
                with self.recorded(method, path, attempt, identity) as record:
                    request = self.request(self.http.server, method, path, record, sent)
                    response = self.http.send(request, deadline, exchange.MAX_RESPONSE_BYTES)
                    record.status = response.status
                    return call_result(response, self.url + path, sent.get("accepted_statuses", ()))
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
        timeout = httpx.Timeout(self.timeout_seconds, read=read_timeout_seconds)
        with self.recorded("GET", path, 1, self.call_identity()) as record:
            sent: CallOptions = {"params": params, "header_fields": header_fields}
            request = self.request(self.http.server, "GET", path, record, sent)
            with self.http.stream(request, timeout) as response:
                record.status = response.status_code
                if not response.is_success:
                    body = HttpxBody(response, Deadline(self.timeout_seconds), exchange.MAX_RESPONSE_BYTES)
                    for chunk in response.iter_bytes():
                        body.add(chunk)
                    raise response_error(body.response, self.url + path)
                yield response
