"""A request names one host: in its Host field, or in an absolute target, which counts more (RFC 9112, section 3.2)."""

import pytest
from httptools import HttpParserError

from httpserver.request_target import check_hosts, origin_form
from tests.httpserver.wire import connect

HOSTS = [b"localhost", b"localhost:8000", b"[::1]:8000", b"10.0.0.1", b"keys.example.com:", b""]
NO_HOSTS = [b"a b", b"a/b", b"a@b", b"a,b\x00", b"[::1", b"a:b", b"a:123456", b"\xff", b"a\tb", b"http://a"]


@pytest.mark.parametrize("host", HOSTS)
def test_host(host: bytes) -> None:
    for version in ("1.1", "1.0"):
        check_hosts(version, [host])


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_is_no_host(host: bytes) -> None:
    with pytest.raises(HttpParserError):
        check_hosts("1.1", [host])


@pytest.mark.parametrize(
    ("version", "hosts"),
    [("1.1", []), ("1.1", [b"a", b"a"]), ("1.0", [b"a", b"b"]), ("2.0", [b"a"]), ("0.9", []), ("1.2", [b"a"])],
)
def test_number_of_hosts_and_version(version: str, hosts: list[bytes]) -> None:
    with pytest.raises(HttpParserError):
        check_hosts(version, hosts)


def test_http_1_0_needs_no_host() -> None:
    check_hosts("1.0", [])


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        (b"http://other.example/v1", b"other.example", b"/v1"),
        (b"HTTPS://other.example:8443/", b"other.example:8443", b"/"),
        (b"http://[::1]:80/", b"[::1]:80", b"/"),
        (b"http://other.example", b"other.example", b"/"),
        (b"http://other.example?x=http://y/", b"other.example", b"/?x=http://y/"),
    ],
)
def test_absolute_target_names_the_host(url: bytes, host: bytes, target: bytes) -> None:
    fields = [(b"host", b"localhost"), (b"x", b"1")]
    assert origin_form(url, fields) == (target, [(b"x", b"1"), (b"host", host)])


@pytest.mark.parametrize("url", [b"ftp://a/", b"http:///x", b"http://user@a/", b"javascript://a", b"://a"])
def test_target_that_is_no_http_url(url: bytes) -> None:
    with pytest.raises(HttpParserError):
        origin_form(url, [(b"host", b"localhost")])


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/keys?q=https://team.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /a://b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://localhost HTTP/1.1\r\nHost: other\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost \t\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
def test_answered(head: bytes) -> None:
    protocol, transport, loop = connect()
    protocol.data_received(head)
    assert (transport.written, loop.tasks) == (b"", 1)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_refused_before_anything_else(head: bytes) -> None:
    protocol, transport, loop = connect()
    protocol.data_received(head)
    assert transport.written.startswith(b"HTTP/1.1 400 ")
    assert b"\r\ndate: " in transport.written
    assert loop.tasks == 0


@pytest.mark.parametrize(("method", "has_body"), [(b"HEAD", False), (b"GET", True)])
def test_refused_head_has_no_body(method: bytes, has_body: bool) -> None:
    protocol, transport, _ = connect()
    protocol.data_received(method + b" / HTTP/1.1\r\n\r\n")
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert b"content-length: 0" not in head
    assert bool(body) is has_body


def test_garbage_after_a_head_request_is_answered_with_a_body() -> None:
    protocol, transport, _ = connect()
    protocol.data_received(b"HEAD / HTTP/1.1\r\n\x00")
    assert transport.written.startswith(b"HTTP/1.1 400 ")
