"""Requests as bytes."""

import traceback

import pytest

from latchkey.client.http1.request import Request
from latchkey.client.http1.server import Server


def test_messages() -> None:
    request = Request("POST", "/v1/verify", {"X-API-Key": "a"}, b"{}")
    assert request.message("keys.example") == (
        b"POST /v1/verify HTTP/1.1\r\nHost: keys.example\r\nX-API-Key: a\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert Request("POST", "/", {}).message("a").endswith(b"\r\nContent-Length: 0\r\n\r\n")
    assert b"Content-Length" not in Request("GET", "/", {}).message("a") + Request("DELETE", "/", {}).message("a")


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\nb", "a\rb", "a\0", "ä"])
def test_a_value_cannot_add_a_field(value: str) -> None:
    for request in (Request("GET", "/", {"A": value}), Request("GET", "/", {f"A{value}": "b"})):
        with pytest.raises(ValueError, match="must be ASCII without line breaks") as raised:
            request.message("a")
        assert value not in "".join(traceback.format_exception(raised.value, limit=0))


def test_nothing_shows_a_field() -> None:
    assert "hunter2" not in repr(Request("POST", "/", {"X-API-Key": "hunter2"}, b"hunter2"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://keys.example", Server(False, "keys.example", 80, "keys.example", "")),
        ("https://keys.example:444/a/b", Server(True, "keys.example", 444, "keys.example:444", "/a/b")),
        ("https://[::1]/", Server(True, "::1", 443, "[::1]", "")),
        ("http://bücher.example:80", Server(False, "xn--bcher-kva.example", 80, "xn--bcher-kva.example", "")),
    ],
)
def test_servers(url: str, expected: Server) -> None:
    assert Server.of(url) == expected
