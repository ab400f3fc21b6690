"""Opening a stream: the request goes through Django like any other, so it is refused and charged like any other."""

from dataclasses import dataclass
from typing import Any

from controlplane.server.asgi_types import Fields, Message
from controlplane.wsgi import application as wsgi


@dataclass(frozen=True, slots=True)
class Answer:
    """What Django answered, whole: the head of a stream, or a refusal."""

    status: int
    fields: Fields
    body: bytes

    def start(self, *, closes: bool) -> Message:
        """Its head, as ASGI sends it, with the wish that no proxy in front keeps events back. `closes`: the connection
        ends with it.
        """
        fields = [*self.fields, (b"x-accel-buffering", b"no")]
        if closes:
            fields.append((b"connection", b"close"))
        return {"type": "http.response.start", "status": self.status, "headers": fields}


def answer_of_django(environ: dict[str, Any]) -> Answer:
    """Asks Django, on this thread."""
    fields: Fields = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        fields.extend((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers)

    response: Any = wsgi(environ, start_response)  # type: ignore[arg-type]
    try:
        return Answer(response.status_code, fields, b"".join(response))
    finally:
        response.close()
