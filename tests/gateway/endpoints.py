"""Endpoints of the gateway, called as a server does: Django, the native application, and the fast path."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from controlplane.asgi import application
from httpserver.fast_path import FAST_PATHS, Head
from latchkey.credentials import generate_secret

HOST = "127.0.0.1"


@dataclass
class Answered:
    """A response; `by` is what returned it."""

    status: int
    fields: dict[str, str]
    body: bytes
    by: str = ""

    @property
    def problem(self) -> dict[str, Any]:
        assert self.fields["content-type"] == "application/problem+json"
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def slug(self) -> str:
        """Return the last part of the problem's type; "" if the response is no problem."""
        return str(self.problem["type"]).rpartition("/")[2].rpartition("#")[2] if self.status >= 400 else ""


Ask = Callable[..., Answered]
"""A function that sends a request to one endpoint, as those below do."""


def check(ask: Ask, credential: str | None, query: str = "", method: str = "GET", **more: str) -> Answered:
    """Call /v1/check."""
    fields = {**({"X-API-Key": credential} if credential is not None else {}), **more}
    return ask(method, "/v1/check", query, fields)


def with_wrong_secret(credential: str) -> str:
    """Return a credential of the same key with another secret."""
    return f"{credential.partition(':')[0]}:{generate_secret()}"


def by_django(method: str, path: str, query: str, fields: dict[str, str], body: bytes = b"") -> Answered:
    """Return the response of Django, by its test client."""
    content_type = fields.get("Content-Type", "application/octet-stream")
    rest = {name: value for name, value in fields.items() if name != "Content-Type"}
    target = f"{path}?{query}" if query else path
    response = Client(REMOTE_ADDR="192.0.2.1").generic(method, target, body, content_type, headers=rest)
    return Answered(
        response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content, "django"
    )


@dataclass
class FakeReply:
    """The reply that the protocol hands to the fast path."""

    scope: dict[str, Any]
    body: bytes = b""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    whole: bytes | None = None
    date: bytes = b"Sat, 21 Nov 2026 12:00:00 GMT"

    def respond(self, response: bytes) -> None:
        assert self.whole is None
        self.whole = response
        self.done.set()

    def delegate(self) -> None:
        self.done.set()

    def abort(self) -> None:
        raise AssertionError("the fast path has no response")


def accepted_by_fast_path(reply: FakeReply) -> bool:
    """Return whether the fast path takes over the reply."""
    scope = reply.scope
    endpoint = FAST_PATHS.get(scope["path"])
    if endpoint is None or len(reply.body) > endpoint.max_body_bytes:
        return False
    head = endpoint.parse(Head(scope["method"], scope["path"], scope["query_string"], scope["headers"]))
    return head is not None and endpoint.accept(head, reply)


def scope_of(method: str, path: str, query: str, fields: dict[str, str]) -> dict[str, Any]:
    """The ASGI scope of a request."""
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": "", "scheme": "http",
        "query_string": query.encode(), "http_version": "1.1", "client": ("192.0.2.1", 1), "server": (HOST, 80),
        "headers": [(b"host", HOST.encode()), *((k.lower().encode(), v.encode("latin-1")) for k, v in fields.items())],
    }  # fmt: skip


async def _by_application(scope: dict[str, Any], body: bytes) -> Answered:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    fields = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answered(sent[0]["status"], fields, b"".join(m.get("body", b"") for m in sent[1:]), "application")


def natively(method: str, path: str, query: str, fields: dict[str, str], body: bytes = b"") -> Answered:
    """Return the response of the native application."""
    sent = {**fields, **({"Content-Length": str(len(body))} if body else {})}
    return asyncio.run(_by_application(scope_of(method, path, query, sent), body))


def by_fast_path(method: str, path: str, query: str, fields: dict[str, str], body: bytes = b"") -> Answered:
    """Return the response of the fast path if it accepts the request, and of the application otherwise."""

    async def ask() -> Answered:
        sent = {**fields, **({"Content-Length": str(len(body))} if body else {})}
        scope = scope_of(method, path, query, sent)
        reply = FakeReply(scope, body)
        if accepted_by_fast_path(reply):
            await reply.done.wait()
        return _parsed(reply.whole) if reply.whole is not None else await _by_application(scope, body)

    return asyncio.run(ask())


def _parsed(whole: bytes) -> Answered:
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    fields = {name.lower(): value for name, value in pairs}
    return Answered(int(first.split()[1]), fields, body, "fast path")


@contextmanager
def no_threads() -> Iterator[None]:
    """Fail if the block queries the database on a thread."""
    from gateway.native import endpoint

    threads, endpoint.THREADS = endpoint.THREADS, None  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        endpoint.THREADS = threads  # type: ignore[misc]
