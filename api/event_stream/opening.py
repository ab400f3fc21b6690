"""Opening of a stream: the request passes through Django, so it is authorized and charged like every other request."""

from dataclasses import dataclass
from typing import Any

from controlplane.wsgi import application as wsgi
from httpserver.asgi_types import Fields, Message


@dataclass(frozen=True, slots=True)
class Answer:
    """Django's complete response: the head of a stream, or an error."""

    status: int
    fields: Fields
    body: bytes

    def start(self, *, closes: bool) -> Message:
        """Return the ASGI message with the response head. With `closes`, the connection closes after the response."""
        # nginx would otherwise buffer the events.
        fields = [*self.fields, (b"x-accel-buffering", b"no")]
        if closes:
            fields.append((b"connection", b"close"))
        return {"type": "http.response.start", "status": self.status, "headers": fields}


def answer_of_django(environ: dict[str, Any]) -> Answer:
    """Return Django's response. It runs on the calling thread."""
    fields: Fields = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        fields.extend((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers)

    response: Any = wsgi(environ, start_response)  # type: ignore[arg-type]
    try:
        return Answer(response.status_code, fields, b"".join(response))
    finally:
        response.close()
