"""Limits for hostile or broken clients."""

import json
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import RunningServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.storeless("what a client sends")


def exchange(server: RunningServer, *parts: bytes) -> bytes:
    """Sends parts over one connection and reads until the server closes it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # refused before it was all said
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """What the server says until it closes."""
    answer = b""
    try:
        while chunk := connection.recv(65536):
            answer += chunk
    except ConnectionResetError:
        pass
    return answer


def test_large_header_is_431(server: RunningServer) -> None:
    for size in (40_000, 300_000):
        answer = exchange(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Big: " + b"x" * size + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 431 "), answer[:100]


def test_many_fields_are_431(server: RunningServer) -> None:
    fields = b"".join(b"X-%d: y\r\n" % number for number in range(5000))
    assert exchange(server, b"GET /health HTTP/1.1\r\n" + fields + b"\r\n").startswith(b"HTTP/1.1 431 ")


def test_long_target_is_431(server: RunningServer) -> None:
    assert exchange(server, b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 431 ")


def test_header_below_limit(server: RunningServer) -> None:
    assert httpx.get(f"{server.url}/health", headers={"X-Big": "x" * 30_000}).status_code == 200


def test_header_limit_is_per_request(server: RunningServer) -> None:
    with httpx.Client(base_url=server.url) as client:
        for _ in range(5):
            assert client.get("/health", headers={"X-Big": "x" * 20_000}).status_code == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"\0" * 100,
    ],
)
def test_invalid_http_is_400(server: RunningServer, garbage: bytes) -> None:
    assert exchange(server, garbage, b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_tls_on_plain_port_fails(server: RunningServer) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url.replace("http", "https"), verify=ssl.create_default_context())


def problem(answer: bytes) -> tuple[bytes, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return head, json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 70000\r\n\r\n" + b"x" * 70_000,
        b"Transfer-Encoding: chunked\r\n\r\n"
        + b"10000\r\n"
        + b"x" * 65536
        + b"\r\n10\r\n"
        + b"x" * 16
        + b"\r\n0\r\n\r\n",
    ],
)
def test_large_body_is_413(server: RunningServer, body: bytes) -> None:
    request = b"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: big-1\r\nContent-Type: application/json\r\n"
    head, shown = problem(exchange(server, request + body))
    assert head.startswith(b"HTTP/1.1 413 ")
    assert (shown["status"], shown["request_id"], shown["instance"]) == (413, "big-1", "/v1/keys")
    assert shown["type"].endswith("/problems/too-large")


def test_chunked_body(server: RunningServer, root: str) -> None:
    def chunks() -> Any:
        yield b'{"label": '
        yield b'"chunked"}'

    headers = {"X-API-Key": root, "Content-Type": "application/json"}
    answer = httpx.post(f"{server.url}/v1/keys", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["label"]) == (201, "chunked")


def test_field_with_underscore_is_dropped(server: RunningServer, root: str) -> None:
    request = f"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nX_API_Key: {root}\r\nConnection: close\r\n\r\n"
    _, shown = problem(exchange(server, request.encode()))
    assert shown["type"].endswith("/problems/missing-credential")


def test_pipelined_requests_are_answered_in_order(server: RunningServer) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: %s\r\n%s\r\n"
    answer = exchange(server, one % (b"first", b"") + one % (b"second", b"Connection: close\r\n"))
    assert answer.index(b"x-request-id: first") < answer.index(b"x-request-id: second")


def test_half_closed_client_gets_response(server: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


def test_upgrade_smuggles_no_request(server: RunningServer, root: str) -> None:
    body = b'{"label": "upgraded"}GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n'
    length = body.index(b"}") + 1
    head = (
        f"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {root}\r\nContent-Type: application/json\r\n"
        f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: {length}\r\n\r\n"
    ).encode()
    for parts in ([head + body], [head, body], [head, body[:5], body[5:]]):
        answer = exchange(server, *parts)
        assert answer.startswith(b"HTTP/1.1 201 "), answer[:200]
        assert answer.count(b"HTTP/1.1 ") == 1
    assert "/smuggled" not in server.log


def test_upgrade_with_chunked_body_is_400(server: RunningServer) -> None:
    request = b"POST /health HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert exchange(server, request).startswith(b"HTTP/1.1 400 ")


def test_trailer_is_dropped(server: RunningServer, root: str) -> None:
    request = (
        "POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: head\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"2\r\n{{}}\r\n0\r\nX-Request-Id: trailer\r\nX-API-Key: {root}\r\n\r\n"
    )
    _, shown = problem(exchange(server, request.encode()))
    assert shown["type"].endswith("/problems/missing-credential")
    assert shown["request_id"] == "head"


CHUNKED = b"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("endless", [b"2\r\n{}\r\n0\r\nx: ", b"2;x="])
def test_endless_trailer_or_extension_is_431(server: RunningServer, endless: bytes) -> None:
    assert exchange(server, CHUNKED + endless, *[b"a" * 10_000] * 200).startswith(b"HTTP/1.1 431 ")


def test_invalid_chunk_is_400(server: RunningServer) -> None:
    assert exchange(server, CHUNKED + b"ZZ\r\n").startswith(b"HTTP/1.1 400 ")


def test_garbage_after_pipeline_closes_connection(server: RunningServer) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = exchange(server, one * 3 + b"garbage\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()


def test_endless_pipeline_has_bounded_memory(server: RunningServer) -> None:
    def resident() -> int:
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in server.worker_pids()]
        return max(pages) * 4096

    before = resident()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.setblocking(False)
        block, sent = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000, 0
        try:
            while sent < 20_000_000:
                sent += connection.send(block)
        except OSError:
            pass  # rejected, or the server reads no more
    assert resident() - before < 50_000_000
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_unread_responses_hold_no_thread(server: RunningServer) -> None:
    large = (
        b"GET /static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    connections = []
    for _ in range(4 * len(server.worker_pids())):
        connections.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
        connections[-1].sendall(large * 6)
    for _ in range(20):
        assert httpx.get(f"{server.url}/health", timeout=10).status_code == 200
    for connection in connections:
        connection.close()
    for _ in range(20):
        assert httpx.get(f"{server.url}/health", timeout=10).status_code == 200


def test_garbage_does_not_replace_response(server: RunningServer, root: str) -> None:
    request = (
        f"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {root}\r\nContent-Type: application/json\r\n"
        'Content-Length: 14\r\n\r\n{"label": "x"}'
    )
    answer = exchange(server, request.encode() + b"garbage\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 201 "), answer[:200]
    assert b'"secret"' in answer


def test_unsatisfiable_range_is_416(server: RunningServer) -> None:
    path = "/static/latchkey/page.css"
    answer = httpx.get(f"{server.url}{path}", headers={"Range": "bytes=99999999-"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (416, "application/problem+json")


def test_untrusted_forwarded_address_is_ignored(server: RunningServer) -> None:
    httpx.get(f"{server.url}/health", headers={"X-Forwarded-For": "198.51.100.9", "X-Request-Id": "stranger"})
    wait_until(lambda: '"stranger"' in server.log, "the line, which is written behind the response")
    (line,) = [line for line in server.log.splitlines() if '"stranger"' in line]
    assert json.loads(line)["address"] == "127.0.0.1"


def test_idle_connections_delay_no_request(server: RunningServer) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(200)]
    assert httpx.get(f"{server.url}/health").status_code == 200
    for connection in idle:
        connection.close()


def test_log_has_no_secret_and_no_traceback(server: RunningServer, root: str) -> None:
    secret = root.partition(":")[2]
    httpx.get(f"{server.url}/v1/keys?q={secret}", headers={"X-API-Key": root + "x"})
    httpx.get(f"{server.url}/{root}", headers={"X-API-Key": root})
    assert "lks_" not in server.log.replace("lks_[redacted]", "")
    assert "Traceback" not in server.log


def test_files_are_private(server: RunningServer, root: str) -> None:
    """Whatever the umask was. The log is the test's own."""
    httpx.get(f"{server.url}/v1/whoami", headers={"X-API-Key": root})
    written = [path for path in server.data_dir.rglob("*") if path.name != "server.log"]
    assert {path.name for path in written} > {"metrics"}
    assert [path for path in written if path.stat().st_mode & 0o077] == []
