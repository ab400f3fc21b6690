"""The router in front of Django."""

import asyncio
from typing import Any

import pytest

from controlplane import asgi
from httpserver.response_metrics import RESPONSES
from httpserver.streaming_response import attach_connection


class Connection:
    aborted = False

    def abort(self) -> None:
        self.aborted = True

    def is_closed(self) -> bool:
        return self.aborted

    def ignore_further_input(self) -> None:
        """Nothing is behind it."""


@pytest.mark.parametrize("leaves", [False, True])
def test_connection_of_gone_client_is_aborted(leaves: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else uvicorn logs an error: the answer was not completed."""

    async def answer(_scope: object, _receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(_: object) -> None:
        if leaves:
            raise ConnectionResetError

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    monkeypatch.setattr(asgi, "_route", answer)
    connection = Connection()
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/"}
    attach_connection(scope, connection)
    asyncio.run(asgi.application(scope, receive, send))
    assert connection.aborted is leaves


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/admin/login/more", "/admin/login/"),
        ("POST", "/admin/password_change/", "/admin/login/"),
        ("GET", "/admin/password_change/", "other"),
    ],
)
def test_rejected_sign_ins_count_as_sign_ins(
    method: str, path: str, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(_scope: object, _receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body is not read")

    async def send(_: object) -> None:
        """The client gets it."""

    monkeypatch.setattr(asgi, "_route", answer)
    series = RESPONSES.labels(route, 503)._value
    before = series.get()
    asyncio.run(asgi.application({"type": "http", "method": method, "path": path}, receive, send))
    assert series.get() == before + 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/admin/apikeys/apikey/export.csv", True),
        ("/admin/events/event/export.jsonl", True),
        ("/admin/apikeys/apikey/", False),
        ("/admin/export.csv/", False),
        ("/v1/keys/export.csv", False),
    ],
)
def test_downloads_have_their_own_thread(path: str, expected: bool) -> None:
    assert asgi._is_download({"path": path}) is expected
