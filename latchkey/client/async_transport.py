"""Transport of calls that suspend the calling task instead of blocking its thread."""

from dataclasses import dataclass
from typing import Any, Unpack

import httpx

from latchkey.client.deadline import Deadline
from latchkey.client.exchange import Caller, CallOptions, CallResult, ResponseBody, call_result


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncTransport(Caller):
    """Sender of calls that suspend the calling task. It never repeats one."""

    http: httpx.AsyncClient

    async def call(self, method: str, path: str, **sent: Unpack[CallOptions]) -> Any:
        """Return the JSON of the response, or None for a response without a body. Raises ClientError."""
        return (await self.receive(method, path, **sent)).value

    async def receive(self, method: str, path: str, **sent: Unpack[CallOptions]) -> CallResult:
        """Return what `call` returns, with its request ID and ETag. Raises ClientError."""
        deadline = Deadline(self.timeout_seconds)
        with self.recorded(method, path, 1, self.call_identity()) as record:
            request = self.request(method, path, record, sent)
            async with self.http.stream(**request, extensions={"timeout": deadline}) as response:
                record.status = response.status_code
                body = ResponseBody(deadline, response)
                async for chunk in response.aiter_bytes():
                    body.add(chunk)
                return call_result(response, bytes(body), sent.get("accepted_statuses", ()))
