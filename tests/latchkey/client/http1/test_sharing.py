"""Pools that threads, tasks and processes share."""

import asyncio
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Barrier, Event
from typing import Any

import pytest

from latchkey import AsyncClient, Client
from latchkey.client.failures import TimedOut
from latchkey.integrations.configuration import Configuration
from latchkey.integrations.guard import Guard
from latchkey.integrations.incoming import IncomingRequest
from latchkey.integrations.outcome import Allowed
from tests.latchkey.client.http1.raw_server import raw_server, sending
from tests.latchkey.client.http1.test_connections import HEALTHY
from tests.latchkey.client.responses import CREDENTIAL, KEY_ID, json_response
from tests.latchkey.stub import stub

THREADS = 8


def test_threads_share_at_most_so_many_connections() -> None:
    with (
        raw_server(sending(HEALTHY)) as server,
        Client(server.url, max_connections=3) as client,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        found = list(threads.map(lambda _: client.health().status, range(200)))
    assert found == ["ok"] * 200
    assert (len(server.requests) <= 3, server.calls) == (True, 200)


def test_each_thread_gets_its_own_response() -> None:
    def echo(connection: socket.socket) -> None:
        # The body of the response names the request.
        number = server.requests_of(connection)[-1].partition(b"X-Request-Id: ")[2].partition(b"\r\n")[0]
        body = b'{"status": "%b"}' % number
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (number, len(body), body)
        )

    together = Barrier(THREADS, timeout=10)

    def call(number: int) -> bool:
        together.wait()
        named = client.with_request_id(f"n.{number}")
        return all(named.health().status == f"n.{number}" for _ in range(25))

    with (
        raw_server(echo) as server,
        Client(server.url, max_connections=4) as client,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        assert all(threads.map(call, range(THREADS)))


def test_a_call_that_finds_all_connections_in_use_waits_within_its_time() -> None:
    first, end = Event(), Event()

    def answer(connection: socket.socket) -> None:
        first.set()
        end.wait(10)
        connection.sendall(HEALTHY)

    with (
        raw_server(answer) as server,
        Client(server.url, max_connections=1) as patient,
        ThreadPoolExecutor(2) as threads,
    ):
        running = threads.submit(patient.health)
        assert first.wait(10)
        with pytest.raises(TimedOut, match=r"All connections to 127\.0\.0\.1:"):
            patient._with(timeout_seconds=0.05).health()
        waiting = threads.submit(patient.health)
        end.set()
        assert (running.result(10).status, waiting.result(10).status) == ("ok", "ok")
    assert [len(requests) for requests in server.requests] == [2]


def test_a_cancelled_task_leaves_no_connection_with_half_a_response() -> None:
    async def calls(url: str) -> None:
        async with AsyncClient(url, max_connections=1) as client:
            for _ in range(3):
                task = asyncio.create_task(client.with_request_id("slow").health())
                await asyncio.get_running_loop().run_in_executor(None, arrived.get, True, 10)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                # Its connection has been given up, so this one has another, and its own response.
                assert (await client.with_request_id("quick").health()).status == "ok"

    def answer(connection: socket.socket) -> None:
        if b"X-Request-Id: slow" in server.requests_of(connection)[-1]:
            connection.sendall(HEALTHY[:-5])
            arrived.put(None)
        else:
            connection.sendall(HEALTHY)

    arrived = SimpleQueue[None]()
    with raw_server(answer) as server:
        asyncio.run(calls(server.url))
    assert [len(requests) for requests in server.requests] == [1, 2, 2, 1]


def test_a_cancelled_task_gives_its_place_to_the_next() -> None:
    async def calls(url: str) -> None:
        async with AsyncClient(url, max_connections=1, timeout_seconds=5) as client:
            running = asyncio.create_task(client.health())
            waiting = [asyncio.create_task(client.health()) for _ in range(4)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            waiting[2].cancel()
            found = await asyncio.gather(running, *waiting, return_exceptions=True)
            assert [isinstance(result, BaseException) for result in found] == [False, True, False, True, False]
            impatient = client._with(timeout_seconds=0.05)
            held = asyncio.create_task(client.with_request_id("held").health())
            await asyncio.get_running_loop().run_in_executor(None, arrived.get, True, 10)
            with pytest.raises(TimedOut, match="All connections"):
                await impatient.health()
            released.set()
            assert (await held).status == "ok"

    def answer(connection: socket.socket) -> None:
        if b"X-Request-Id: held" in server.requests_of(connection)[-1]:
            arrived.put(None)
            released.wait(10)
        connection.sendall(HEALTHY)

    arrived, released = SimpleQueue[None](), Event()
    with raw_server(answer) as server:
        asyncio.run(calls(server.url))
    assert len(server.requests) == 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_guard_that_is_forked_while_it_is_in_use_shares_no_connection() -> None:
    verdict = {"valid": True, "code": "VALID", "key_id": KEY_ID}
    with stub(lambda _: json_response(verdict)) as server:
        guard = Guard(Configuration.read(url=server.url, api_key=CREDENTIAL.reveal()))
        request = IncomingRequest.of("/orders", {"X-API-Key": CREDENTIAL.reveal()}.get)

        def passes(_: Any = None) -> bool:
            return isinstance(guard.check(request), Allowed)

        with ThreadPoolExecutor(4) as threads:
            found = threads.map(passes, range(40))
            children = []
            for _ in range(3):
                child = os.fork()
                if child == 0:
                    signal.alarm(10)
                    os._exit(0 if passes() and passes() else 1)
                children.append(child)
            assert all(found)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
        guard.close()
