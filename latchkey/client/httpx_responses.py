"""Responses of httpx, as the client's other responses."""

from typing import Final

import httpx

from latchkey.client.deadline import Deadline
from latchkey.client.failures import NotJSON, TimedOut
from latchkey.client.http1.response import Response

_OF_THE_CODING: Final = "content-encoding"


class HttpxBody:
    """Body of a response that is being read. Raises ClientError if it's too large or too slow."""

    def __init__(self, response: httpx.Response, deadline: Deadline, max_body_bytes: int) -> None:
        self._source = response
        self._deadline = deadline
        self._max_body_bytes = max_body_bytes
        self._read = bytearray()

    def add(self, chunk: bytes) -> None:
        """Keep `chunk`."""
        self._read += chunk
        if len(self._read) > self._max_body_bytes:
            raise NotJSON(f"The response has more than {self._max_body_bytes} bytes.")
        # A read that finds data doesn't time out, so a body that keeps trickling in is cut here.
        if self._deadline.expired:
            raise TimedOut(f"{self._source.url.netloc.decode()} sends its response too slowly.")

    @property
    def response(self) -> Response:
        """Return the response with the body that has been read, which httpx has decoded."""
        fields = {name.lower(): value for name, value in self._source.headers.items()}
        fields.pop(_OF_THE_CODING, None)
        return Response(self._source.status_code, fields, self._read)
