"""Transport of calls that suspend the calling task instead of blocking its thread."""

from dataclasses import dataclass
from typing import Any, Unpack

from latchkey.client import exchange
from latchkey.client.async_sender import AsyncSender
from latchkey.client.deadline import Deadline
from latchkey.client.exchange import Caller, CallOptions, CallResult, call_result


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncTransport(Caller):
    """Sender of calls that suspend the calling task. It never repeats one."""

    http: AsyncSender

    async def call(self, method: str, path: str, **sent: Unpack[CallOptions]) -> Any:
        """Return the JSON of the response, or None for a response without a body. Raises ClientError."""
        return (await self.receive(method, path, **sent)).value

    async def receive(self, method: str, path: str, **sent: Unpack[CallOptions]) -> CallResult:
        """Return what `call` returns, with its request ID and ETag. Raises ClientError."""
        deadline = Deadline(self.timeout_seconds)
        with self.recorded(method, path, 1, self.call_identity(sent.get("request_id"))) as record:
            request = self.request(self.http.server, method, path, record, sent)
            response = await self.http.send(request, deadline, exchange.MAX_RESPONSE_BYTES)
            record.status = response.status
            return call_result(response, self.url + path, sent.get("accepted_statuses", ()))
