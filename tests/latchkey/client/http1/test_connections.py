"""Connections of both clients: kept, and never used for a call that they can't carry."""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import trustme

from latchkey import AsyncClient, Client
from latchkey.client.failures import NoResponse, RefusedConnection, TimedOut, UnknownHost, UntrustedServer
from tests.latchkey.client.http1.callers import Call, both
from tests.latchkey.client.http1.raw_server import OK, Answer, raw_server, sending
from tests.latchkey.stub import StubResponse, stub
from tests.support.ports import free_port

Calling = Callable[..., AbstractContextManager[Call]]

HEALTHY = OK.replace(b"Length: 2", b"Length: 16").replace(b"{}", b'{"status": "ok"}')
CHUNKED = (
    HEALTHY.replace(b"Content-Length: 16", b"Transfer-Encoding: chunked").replace(b'{"', b'10\r\n{"') + b"\r\n0\r\n\r\n"
)


def reset(connection: socket.socket) -> bool:
    """Ends the connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    return True


@both
@pytest.mark.parametrize("response", [HEALTHY, CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n" + HEALTHY])
def test_a_connection_serves_calls_in_turn(calling: Calling, response: bytes) -> None:
    with raw_server(sending(response)) as server, calling(server.url) as call:
        for _ in range(3):
            call()
    (requests,) = server.requests
    assert len(requests) == 3
    assert all(request.startswith(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:") for request in requests)


@both
@pytest.mark.parametrize(
    "answer",
    [
        sending(HEALTHY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")),
        sending(HEALTHY.replace(b"1.1", b"1.0")),
        sending(HEALTHY.replace(b"Content-Length: 16\r\n", b""), closes=True),
        sending(HEALTHY + HEALTHY),
    ],
    ids=["announced", "HTTP/1.0", "until the end", "surplus"],
)
def test_a_connection_that_cannot_carry_another_call_is_not_used(calling: Calling, answer: Answer) -> None:
    with raw_server(answer) as server, calling(server.url) as call:
        for _ in range(3):
            call()
    assert [len(requests) for requests in server.requests] == [1, 1, 1]


@both
@pytest.mark.parametrize(
    ("answer", "failure", "message"),
    [
        (sending(b"SSH-2.0-OpenSSH\r\n"), NoResponse, "is not valid HTTP"),
        (sending(HEALTHY[:-1], closes=True), NoResponse, "closed the connection before it responded"),
        (sending(b"", closes=True), NoResponse, "closed the connection before it responded"),
        (reset, NoResponse, "closed the connection before it responded"),
        (sending(b""), TimedOut, "accepted the call but did not respond in time"),
        (sending(HEALTHY[:-1]), TimedOut, "sends its response too slowly"),
        (sending(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000), NoResponse, "is not valid HTTP"),
    ],
    ids=["not HTTP", "truncated", "closed", "reset", "silent", "stalled", "huge head"],
)
def test_a_call_that_fails_is_not_repeated_and_leaves_no_connection(
    calling: Calling, answer: Answer, failure: type[Exception], message: str
) -> None:
    with raw_server(answer) as server, calling(server.url, timeout_seconds=0.2) as call:
        for _ in range(2):
            with pytest.raises(failure, match=message) as raised:
                call()
            assert (raised.value.__context__, raised.value.__cause__) == (None, None)
        assert [len(requests) for requests in server.requests] == [1, 1]


@both
def test_an_idle_connection_that_the_server_has_closed_is_replaced(calling: Calling) -> None:
    accepted: list[socket.socket] = []

    def answer(connection: socket.socket) -> None:
        accepted.append(connection)
        connection.sendall(HEALTHY)

    with raw_server(answer) as server, calling(server.url) as call:
        call()
        accepted[0].shutdown(socket.SHUT_RDWR)
        call()
    assert [len(requests) for requests in server.requests] == [1, 1]


@both
def test_a_connection_is_kept_for_half_a_minute(calling: Calling, monkeypatch: pytest.MonkeyPatch) -> None:
    started, moved = time.monotonic(), 0.0
    monkeypatch.setattr("latchkey.client.http1.connection.time.monotonic", lambda: started + moved)
    with raw_server(sending(HEALTHY)) as server, calling(server.url) as call:
        for seconds in (0, 29, 31):
            moved += seconds
            call()
    assert [len(requests) for requests in server.requests] == [2, 1]


@both
def test_connections_that_are_not_made(calling: Calling) -> None:
    for url, failure in ((f"http://127.0.0.1:{free_port()}", RefusedConnection), ("http://a.invalid", UnknownHost)):
        with calling(url) as call, pytest.raises(failure) as raised:
            call()
        assert (raised.value.__context__, raised.value.__cause__) == (None, None)


@both
def test_a_server_that_accepts_nothing_times_out(calling: Calling) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as full:
        # What connects beyond the backlog gets no answer.
        waiting = [socket.socket() for _ in range(4)]
        for queued in waiting:
            queued.setblocking(False)
            queued.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with calling(url, timeout_seconds=0.2) as call, pytest.raises(TimedOut, match="did not accept the connection"):
            call()
        for queued in waiting:
            queued.close()


@both
def test_certificates_are_verified(calling: Calling, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    healthy = StubResponse(200, {"Content-Type": "application/json"}, b'{"status": "ok"}')
    with stub(lambda _: healthy, context) as server:
        with calling(server.url) as call, pytest.raises(UntrustedServer, match="The certificate of localhost"):
            call()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with calling(server.url) as call:
            call()
        with calling(server.url.replace("localhost", "127.0.0.1")) as call, pytest.raises(UntrustedServer):
            call()
        with calling(server.url.replace("https", "http")) as call, pytest.raises(NoResponse):
            call()
    assert len(server.requests) == 1


def test_a_closed_client_makes_no_call() -> None:
    async def closed(url: str) -> None:
        client = AsyncClient(url)
        await client.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await client.health()

    with raw_server(sending(HEALTHY)) as server:
        client = Client(server.url)
        client.health()
        client.close()
        with pytest.raises(RuntimeError, match="closed"):
            client.health()
        asyncio.run(closed(server.url))
    assert server.calls == 1


@both
def test_next_address_is_tried_after_one_that_the_machine_cannot_use(
    calling: Calling, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = socket.getaddrinfo

    def found(*arguments: Any, **named: Any) -> list[Any]:
        # No kernel has this family.
        return [(250, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1)), *find(*arguments, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    with raw_server(sending(HEALTHY)) as server, calling(server.url) as call:
        call()
