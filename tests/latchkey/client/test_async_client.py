"""The asynchronous client: what it shares with the blocking one, and its pool of connections."""

import asyncio
import json
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, TypeVar

import pytest

from latchkey import AsyncClient, Client
from latchkey.client.attempt import Attempt
from latchkey.client.failures import CallingKeyThrottled, NotJSON, ReceivedProblem, RefusedConnection, TimedOut
from latchkey.client.verification import Verification
from latchkey.credentials import MalformedCredential
from tests.latchkey.client.responses import CREDENTIAL, KEY_ID, json_response, problem_response
from tests.latchkey.dripping import dripping
from tests.latchkey.stub import Stub, StubResponse
from tests.support.ports import free_port

VALID = {"valid": True, "code": "VALID", "key_id": KEY_ID}
Result = TypeVar("Result")


def run(url: str, call: Callable[[AsyncClient], Coroutine[Any, Any, Result]], **options: Any) -> Result:
    """What `call` returns with a client of its own."""

    async def within() -> Result:
        async with AsyncClient(url, CREDENTIAL, **options) as client:
            return await call(client)

    return asyncio.run(within())


def test_a_verification_is_that_of_the_blocking_client(server: Stub, responses: list[StubResponse]) -> None:
    responses += [json_response(VALID, 200, **{"X-Request-Id": "seen.1"})] * 2
    found = run(server.url, lambda client: client.verify(CREDENTIAL, scopes=["a:b"], cost=5))
    with Client(server.url, CREDENTIAL) as client:
        assert found == client.verify(CREDENTIAL, scopes=["a:b"], cost=5)
    one, other = server.requests
    assert json.loads(one.body) == {"credential": CREDENTIAL.reveal(), "scopes": ["a:b"], "cost": 5}
    assert (one.method, one.target, one.body) == (other.method, other.target, other.body)
    assert (found.request_id, found.problem) == ("seen.1", None)


def test_a_verification_can_have_a_request_id_of_its_own(server: Stub, responses: list[StubResponse]) -> None:
    responses += [json_response(VALID)] * 2
    named = run(server.url, lambda client: client.with_request_id("all.1").verify(CREDENTIAL, request_id="one.1"))
    with Client(server.url, CREDENTIAL) as client:
        assert client.verify(CREDENTIAL, request_id="one.1").request_id == named.request_id == "one.1"
        with pytest.raises(ValueError, match="a request ID must be"):
            client.verify(CREDENTIAL, request_id="a b")
    traces = {request.fields["traceparent"].split("-")[1] for request in server.requests}
    assert (len(server.requests), len(traces)) == (2, 2)


def test_request_id_is_sent_on_and_the_copy_shares_connections(server: Stub, responses: list[StubResponse]) -> None:
    responses.append(json_response(VALID))
    found = run(server.url, lambda client: client.with_request_id("mine.1").verify(CREDENTIAL))
    assert found.request_id == "mine.1"
    assert server.requests[0].fields["x-request-id"] == "mine.1"


@pytest.mark.parametrize(
    ("response", "failure"),
    [
        (problem_response(429, "quota-exceeded", retry_after="3"), CallingKeyThrottled),
        (problem_response(403, "insufficient-scope"), ReceivedProblem),
        (StubResponse(502, {"Content-Type": "text/html"}, b"<html>"), NotJSON),
    ],
)
def test_failures_are_those_of_the_blocking_client(
    server: Stub, responses: list[StubResponse], response: StubResponse, failure: type[Exception]
) -> None:
    responses.append(response)
    seen: list[Attempt] = []
    with pytest.raises(failure) as raised:
        run(server.url, lambda client: client.verify(CREDENTIAL), observe=seen.append)
    assert [(attempt.number, attempt.failure) for attempt in seen] == [(1, raised.value)]
    assert CREDENTIAL.secret not in "".join(traceback.format_exception(raised.value))


def test_connection_failures() -> None:
    with pytest.raises(RefusedConnection):
        run(f"http://127.0.0.1:{free_port()}", lambda client: client.verify(CREDENTIAL))
    with dripping() as url, pytest.raises(TimedOut):
        run(url, lambda client: client.health(), timeout_seconds=0.2)


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="https://"):
        AsyncClient("keys.example")
    with pytest.raises(MalformedCredential):
        AsyncClient("https://keys.example", "lk_x")


@dataclass
class Counted:
    """A server of HTTP/1.1, the connections to it, and how many of its requests ran at the same time at most."""

    url: str = ""
    connections: int = 0
    running: int = 0
    peak: int = 0
    lock: Lock = field(default_factory=Lock)


@contextmanager
def counted() -> Iterator[Counted]:
    found = Counted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            with found.lock:
                found.connections += 1

        def do_POST(self) -> None:
            with found.lock:
                found.running += 1
                found.peak = max(found.peak, found.running)
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(VALID).encode()
            with found.lock:
                found.running -= 1
            self.send_response(200)
            for name, value in {
                "Content-Type": "application/json",
                "X-Request-Id": "a",
                "Content-Length": len(body),
            }.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield found
        server.shutdown()


def test_connections_are_kept_and_bounded() -> None:
    async def many(client: AsyncClient) -> list[Verification]:
        for _ in range(5):
            await client.verify(CREDENTIAL)
        return await asyncio.gather(*(client.verify(CREDENTIAL) for _ in range(20)))

    with counted() as server:
        assert all(found.valid for found in run(server.url, many, max_connections=3))
    assert server.connections <= 3
    assert server.peak <= 3


def test_one_connection_serves_calls_in_turn() -> None:
    with counted() as server, Client(server.url, CREDENTIAL) as client:
        assert [client.verify(CREDENTIAL).valid for _ in range(5)] == [True] * 5
    assert server.connections == 1
