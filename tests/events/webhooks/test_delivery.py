import asyncio
import ssl
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme
from pytest_django import Settings

from events.webhooks import delivery, response_excerpt
from events.webhooks.addresses import Address
from events.webhooks.delivery import WebhookMessage, deliver
from events.webhooks.delivery_result import DeliveryResult
from tests.events.webhooks.receiver import PATIENCE_SECONDS, Receiver, after, receiving, status
from tests.support.ports import free_port

MESSAGE = WebhookMessage({"webhook-id": "evt_1"}, b'{"id":1}')


def send(url: str) -> DeliveryResult:
    return asyncio.run(deliver(url, MESSAGE))


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Set when the test is over, for receivers that wait until then."""
    event = threading.Event()
    yield event
    event.set()


def test_what_is_sent(receiver: Receiver) -> None:
    assert send(receiver.url) == DeliveryResult(204)
    (sent,) = receiver.deliveries
    assert sent.path == "/hook?token=t0ken"
    assert sent.body == MESSAGE.body
    assert sent.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "content-type": "application/json",
        "user-agent": "Latchkey-Webhooks",
        "content-length": "8",
        "connection": "close",
        "webhook-id": "evt_1",
    }


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_success_is_any_2xx(receiver: Receiver, code: int) -> None:
    receiver.responses = [status(code)]
    assert send(receiver.url).delivered


@pytest.mark.parametrize("code", [301, 302, 304, 307, 308, 400, 404, 410, 429, 500, 503])
def test_other_status_fails_and_redirect_is_not_followed(
    receiver: Receiver, other_receiver: Receiver, code: int
) -> None:
    receiver.responses = [status(code, Location=other_receiver.url)]
    assert send(receiver.url) == DeliveryResult(code, f"HTTP {code}")
    assert send(receiver.url).gone is False
    assert other_receiver.deliveries == []


def test_retry_after_is_returned(receiver: Receiver) -> None:
    receiver.responses = [status(503, Retry_After="120"), status(410)]
    assert send(receiver.url) == DeliveryResult(503, "HTTP 503", retry_after_seconds=120)
    assert send(receiver.url).gone


def test_only_the_beginning_of_an_endless_response_is_read(receiver: Receiver) -> None:
    ended = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            ended.set()

    receiver.responses = [endless]
    assert send(receiver.url) == DeliveryResult(200, response_body="x" * 1024)
    assert ended.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("deadline", [10.0, 0.3])
def test_slow_body_does_not_undo_a_delivery(
    receiver: Receiver, released: threading.Event, monkeypatch: pytest.MonkeyPatch, deadline: float
) -> None:
    monkeypatch.setattr(delivery, "DEADLINE_SECONDS", deadline)
    monkeypatch.setattr(response_excerpt, "READ_SECONDS", 0.1 if deadline > 1 else 10.0)

    def slow(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"accepted")
        handler.wfile.flush()
        released.wait(PATIENCE_SECONDS)

    receiver.responses = [slow]
    assert send(receiver.url) == DeliveryResult(200, response_body="accepted")


def test_broken_body_does_not_undo_a_delivery(receiver: Receiver) -> None:
    words = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nnonsense"
    receiver.responses = [lambda handler: handler.wfile.write(words)]
    assert send(receiver.url) == DeliveryResult(200, response_body="ok")


def test_the_deadline_is_over_all_of_it(
    receiver: Receiver, released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "DEADLINE_SECONDS", 0.05)
    receiver.responses = [after(partial(released.wait, PATIENCE_SECONDS), status(204))]
    assert send(receiver.url) == DeliveryResult(error="time-out")


def test_the_deadline_is_over_the_name_too(released: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "DEADLINE_SECONDS", 0.05)
    monkeypatch.setattr("socket.getaddrinfo", lambda *args: released.wait(PATIENCE_SECONDS) and [])
    assert send("https://slow.example/") == DeliveryResult(error="time-out")
    released.set()


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 2", b"220 mail.example ESMTP\r\n", b"\x00" * 100])
def test_non_http_response_is_a_failure(receiver: Receiver, words: bytes) -> None:
    receiver.responses = [lambda handler: handler.wfile.write(words)]
    assert send(receiver.url) == DeliveryResult(error="connection broken")


def test_connection_refused() -> None:
    assert send(f"http://127.0.0.1:{free_port()}/") == DeliveryResult(error="connection refused")


def test_no_such_host() -> None:
    assert send("https://nowhere.invalid/") == DeliveryResult(error="host not found")


def test_forbidden_address_gets_no_packet(receiver: Receiver, settings: Settings) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ()
    assert send(receiver.url) == DeliveryResult(error="address not allowed", refused=True)
    settings.WEBHOOK_ALLOWED_NETWORKS = (ip_network("10.0.0.0/8"),)
    assert send("https" + receiver.url.removeprefix("http")).refused
    assert send("http://8.8.8.8/").refused
    assert receiver.deliveries == []


def test_each_attempt_resolves_and_checks_the_name(receiver: Receiver) -> None:
    responses = ["127.0.0.1", "10.0.0.1"]

    async def resolve(host: str, port: int) -> list[Address]:
        return [ip_address(responses.pop(0))]

    url = f"http://hooks.invalid:{receiver.port}/"
    assert asyncio.run(deliver(url, MESSAGE, resolve=resolve)) == DeliveryResult(204)
    assert receiver.deliveries[0].headers["host"] == f"hooks.invalid:{receiver.port}"
    assert asyncio.run(deliver(url, MESSAGE, resolve=resolve)).error == "address not allowed"


def test_an_ipv6_address_stays_in_its_brackets(receiver: Receiver) -> None:
    async def resolve(host: str, port: int) -> list[Address]:
        assert host == "2001:db8::1"
        return [ip_address("127.0.0.1")]

    assert asyncio.run(deliver(f"http://[2001:db8::1]:{receiver.port}/", MESSAGE, resolve=resolve)).delivered
    assert receiver.deliveries[0].headers["host"] == f"[2001:db8::1]:{receiver.port}"


def test_environment_proxy_is_not_used(
    receiver: Receiver, other_receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{other_receiver.port}")
    assert send(receiver.url).delivered
    assert other_receiver.deliveries == []


class TestTLS:
    @pytest.fixture
    def authority(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
        """The one authority that is trusted."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        delivery._tls_context.cache_clear()
        yield authority
        delivery._tls_context.cache_clear()

    def send_to_server_of(self, authority: trustme.CA, name: str) -> tuple[DeliveryResult, list[Any]]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        with receiving(context) as receiver:
            return send(receiver.url), receiver.deliveries

    def test_a_trusted_certificate_of_the_host(self, authority: trustme.CA) -> None:
        result, deliveries = self.send_to_server_of(authority, "127.0.0.1")
        assert result == DeliveryResult(204)
        assert len(deliveries) == 1

    def test_a_certificate_of_another_host(self, authority: trustme.CA) -> None:
        assert self.send_to_server_of(authority, "hooks.example") == (
            DeliveryResult(error="certificate not trusted"),
            [],
        )

    def test_unknown_certificate_authority(self, authority: trustme.CA) -> None:
        assert self.send_to_server_of(trustme.CA(), "127.0.0.1") == (
            DeliveryResult(error="certificate not trusted"),
            [],
        )

    def test_a_server_without_tls(self, receiver: Receiver) -> None:
        assert send(f"https://127.0.0.1:{receiver.port}/") == DeliveryResult(error="TLS failed")

    def test_receiver_requires_a_client_certificate(self, authority: trustme.CA) -> None:
        """With TLS 1.3 its alert comes after the handshake, as an error that httpcore does not know; or its end does."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        with receiving(context) as receiver:
            assert send(receiver.url).error in ("TLS failed", "connection broken")

    @pytest.mark.parametrize("error", [ssl.SSLError(1, "bad record mac"), ConnectionResetError(), OSError(5, "x")])
    def test_errors_of_the_socket_are_failures(self, error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
        async def post(*_: object) -> DeliveryResult:
            raise error

        monkeypatch.setattr(delivery, "_post", post)
        wanted = "TLS failed" if isinstance(error, ssl.SSLError) else "connection broken"
        assert send("https://hooks.example/") == DeliveryResult(error=wanted)
