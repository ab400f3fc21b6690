"""Requests that change something: on which thread, and how long they wait for their turn."""

import asyncio
import threading
from typing import Any

import pytest

from apikeys.config_service import IssuedKey
from controlplane.wsgi import application as wsgi
from events.lock_timeout import timed_out_recently
from gateway.native.write_queue import WriteQueue, is_write
from tests.controlplane.posting import Busy, post
from tests.gateway.endpoints import natively, scope_of


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_unsafe_methods_are_writes(method: str) -> None:
    assert is_write(scope_of(method, "/v1/keys", "", {}))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_safe_methods_are_not_writes(method: str) -> None:
    assert not is_write(scope_of(method, "/v1/keys", "", {}))


@pytest.mark.django_db(transaction=True)
def test_writes_have_own_thread(root: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    respond = wsgi.get_response

    def watched(request: Any) -> Any:
        threads.append(threading.current_thread().name)
        return respond(request)

    monkeypatch.setattr(wsgi, "get_response", watched)
    key = {"X-API-Key": root.credential.reveal(), "Content-Type": "application/json"}
    natively("POST", "/v1/keys", "", {}, b"{}")
    natively("GET", "/v1/whoami", "", key)
    natively("GET", "/v1/whoami", "", key)
    natively("POST", "/v1/keys", "", key, b'{"label": "x"}')
    names = [name.rpartition("_")[0] for name in threads]
    assert names == ["django-changes", "django", "django-known-keys", "django-changes-known-keys"]


KEYS = "/v1/keys"
BULK = "/admin/apikeys/apikey/"


def test_write_that_waits_too_long_is_rejected() -> None:
    async def crowd() -> None:
        django = Busy(201)
        app = WriteQueue(django, max_wait_seconds=0.01)
        first = asyncio.create_task(post(app, KEYS))
        await asyncio.sleep(0)
        assert not timed_out_recently()
        for status, fields, body in await asyncio.gather(*(post(app, KEYS) for _ in range(20))):
            assert (status, fields["retry-after"], b"/problems/unavailable" in body) == (503, "5", True)
        assert django.asked == 1
        assert not timed_out_recently(), "a change that takes long is no lock of somebody else"
        status, fields, body = await post(app, BULK, accept="text/html")
        assert (status, fields["content-type"]) == (503, "text/html; charset=utf-8")
        assert b"Nothing was changed" in body
        django.free.set()
        assert (await first)[0] == 201
        assert (await post(app, KEYS))[0] == 201

    asyncio.run(crowd())


def test_slow_reader_blocks_no_write() -> None:
    async def crowd() -> None:
        django, read = Busy(201), asyncio.Event()
        django.free.set()
        app = WriteQueue(django, max_wait_seconds=0.01)
        slow = asyncio.create_task(post(app, KEYS, read=read))
        await asyncio.sleep(0)
        assert [(await post(app, KEYS))[0] for _ in range(3)] == [201, 201, 201]
        assert not slow.done()
        read.set()
        assert (await slow)[0] == 201

    asyncio.run(crowd())


async def turns_of_the_loop() -> None:
    """Until whatever can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_crowded_while_requests_wait() -> None:
    async def crowd() -> None:
        django = Busy(201)
        app = WriteQueue(django)
        first = asyncio.create_task(post(app, KEYS))
        await turns_of_the_loop()
        seen = [app.crowded]
        second = asyncio.create_task(post(app, KEYS))
        await turns_of_the_loop()
        seen.append(app.crowded)
        django.free.set()
        await asyncio.gather(first, second)
        assert [*seen, app.crowded] == [False, True, False]

    asyncio.run(crowd())


def test_waiting_write_is_kept_while_others_complete() -> None:
    async def crowd() -> None:
        async def slow(_scope: object, _receive: object, send: Any) -> None:
            await asyncio.sleep(0.02)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        app = WriteQueue(slow, max_wait_seconds=0.1)
        statuses = [status for status, _, _ in await asyncio.gather(*(post(app, KEYS) for _ in range(20)))]
        assert statuses == [200] * 20, "together they take four times as long as one may wait in vain"

    asyncio.run(crowd())
