"""HTTP/1.1 as bytes, for load generators: requests to send, and as much of a response as they read."""

from typing import NamedTuple

_LENGTH = b"\r\ncontent-length:"


class Response(NamedTuple):
    status: int
    body: bytes


def get_request(path: str, **fields: str) -> bytes:
    """Return the bytes of a GET. Underscores in the name of a field stand for hyphens: `x_api_key`."""
    lines = [f"GET {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def post_request(path: str, body: str, **fields: str) -> bytes:
    """Return the bytes of a POST."""
    head = get_request(path, content_length=str(len(body)), **fields)
    return head.replace(b"GET", b"POST", 1) + body.encode()


def parse(received: bytes) -> Response | None:
    """Return the response in `received`, or None while it is incomplete. A connection has one request under way, so
    nothing follows. Raises ValueError for a response without Content-Length.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    header = received[:end].lower()
    status, at = int(header[9:12]), header.find(_LENGTH)
    if at >= 0:
        length = int(header[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
    elif status == 204:  # never has a body
        length = 0
    else:
        raise ValueError("A response has no Content-Length.")
    body = received[end + 4 :]
    return Response(status, body[:length]) if len(body) >= length else None
