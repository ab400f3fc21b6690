"""The same small service in every framework, protected by its integration, and how a test calls it.

`/orders` needs the scope orders:read and costs 1 token, `/exports` needs any key and costs 5, `/gone` needs any key and
is a 404 of the service itself.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import override_settings

from latchkey.integrations import asgi, fastapi, flask, wsgi
from latchkey.integrations.principal import Principal
from tests.latchkey.integrations import django_views

SCOPE: Final = "orders:read"
RULES: Final = [asgi.Rule("/orders", scopes=[SCOPE]), asgi.Rule("/exports", cost=5), asgi.Rule("/health", public=True)]
HOST: Final = "http://testserver"

Options = Mapping[str, Any]
"""Settings of an integration, by the names of its arguments in code."""
Call = Callable[[str, Mapping[str, str]], httpx.Response]
"""Sends a GET to a path with header fields."""


def seen(principal: Principal) -> dict[str, object]:
    """What the service found out about its caller."""
    known = {"key_id": principal.key_id, "owner": principal.owner, "scopes": sorted(principal.scopes)}
    return {**known, "label": principal.label, "metadata": dict(principal.metadata), "verified": principal.verified}


@contextmanager
def calls_wsgi(app: Any) -> Iterator[Call]:
    with httpx.Client(transport=httpx.WSGITransport(app), base_url=HOST) as client:
        yield lambda path, fields: client.get(path, headers=fields)


@contextmanager
def calls_asgi(app: Any, *, lifespan: bool = True) -> Iterator[Call]:
    """Calls an app in one event loop, which begins and ends as a server's does."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        answers: asyncio.Queue[Any] = asyncio.Queue()
        state: dict[str, object] = {}
        life = app({"type": "lifespan", "asgi": {}, "state": state}, events.get, answers.put) if lifespan else None
        living = loop.create_task(life) if life else None

        def reach(event: str) -> None:
            async def step() -> None:
                await events.put({"type": f"lifespan.{event}"})
                assert (await answers.get())["type"] == f"lifespan.{event}.complete"

            if living:
                runner.run(step())

        async def send(path: str, fields: Mapping[str, str]) -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client:
                return await client.get(path, headers=fields)

        reach("startup")
        yield lambda path, fields: runner.run(send(path, fields))
        reach("shutdown")
        if living:
            runner.run(asyncio.wait_for(living, 5))


def settings_of(options: Options) -> dict[str, object]:
    """The same settings by their names in Django's and Flask's settings."""
    return {f"LATCHKEY_{name.upper()}": value for name, value in options.items()}


@contextmanager
def drf_app(options: Options) -> Iterator[Call]:
    with project(django_views.drf_urlpatterns, [], options), calls_wsgi(WSGIHandler()) as call:
        yield call


@contextmanager
def django_app(options: Options) -> Iterator[Call]:
    with project(django_views.sync_urlpatterns, MIDDLEWARE, options), calls_wsgi(WSGIHandler()) as call:
        yield call


@contextmanager
def async_django_app(options: Options) -> Iterator[Call]:
    with (
        project(django_views.async_urlpatterns, MIDDLEWARE, options),
        calls_asgi(ASGIHandler(), lifespan=False) as call,
    ):
        yield call
        call("/close", {})


MIDDLEWARE: Final = ["latchkey.integrations.django.LatchkeyMiddleware"]


@contextmanager
def project(urls: Sequence[object], middleware: list[str], options: Options) -> Iterator[None]:
    """A Django project with these URLs, and the settings of these tests."""
    rest = {"EXCEPTION_HANDLER": "latchkey.integrations.drf.exception_handler", "UNAUTHENTICATED_USER": None}
    own = {"ROOT_URLCONF": tuple(urls), "MIDDLEWARE": middleware, "REST_FRAMEWORK": rest}
    public = {"LATCHKEY_PUBLIC_PATHS": ["/health", "/close", "/public"]}
    signals = (request_started, request_finished)
    # As Django's test client does: these services have no database, and that of other tests is not theirs to close.
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        with override_settings(**own, **public, **settings_of(options)):
            yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


@contextmanager
def flask_app(options: Options) -> Iterator[Call]:
    app = flask_service()
    app.config.update(settings_of(options))
    with calls_wsgi(app) as call:
        yield call
    if "latchkey" in app.extensions:
        app.extensions["latchkey"].close()


def flask_service() -> Any:
    from flask import Flask, abort, g

    app = Flask(__name__)

    @app.get("/orders")
    @flask.require_key(SCOPE)
    def orders() -> dict[str, object]:
        return seen(g.latchkey)

    @app.get("/exports")
    @flask.require_key(cost=5)
    async def exports() -> dict[str, object]:
        return seen(g.latchkey)

    @app.get("/gone")
    @flask.require_key()
    def gone() -> None:
        abort(404)

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app


@contextmanager
def fastapi_app(options: Options) -> Iterator[Call]:
    with calls_asgi(fastapi_service(options)) as call:
        yield call


def fastapi_service(options: Options) -> Any:
    from typing import Annotated

    from fastapi import Depends, FastAPI, HTTPException

    app = FastAPI()
    fastapi.install(app, **options)

    @app.get("/orders")
    async def orders(key: Annotated[Principal, Depends(fastapi.require_key(SCOPE))]) -> dict[str, object]:
        return seen(key)

    @app.get("/exports")
    def exports(key: Annotated[Principal, Depends(fastapi.require_key(cost=5))]) -> dict[str, object]:
        return seen(key)

    @app.get("/gone", dependencies=[Depends(fastapi.require_key())])
    async def gone() -> None:
        raise HTTPException(404)

    @app.get("/health")
    async def health() -> str:
        return "ok"

    return app


@contextmanager
def asgi_app(options: Options) -> Iterator[Call]:
    with calls_asgi(starlette_service(options)) as call:
        yield call


def starlette_service(options: Options) -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def caller(request: Request) -> JSONResponse:
        return JSONResponse(seen(request.state.latchkey))

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse("ok")

    routes = [Route("/orders", caller), Route("/exports", caller), Route("/health", health)]
    return asgi.LatchkeyMiddleware(Starlette(routes=routes), rules=RULES, **options)


@contextmanager
def wsgi_app(options: Options) -> Iterator[Call]:
    import json

    def service(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/gone":
            start_response("404 Not Found", [])
            return [b""]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(seen(environ["latchkey"]) if "latchkey" in environ else "ok").encode()]

    app = wsgi.LatchkeyMiddleware(service, rules=RULES, **options)
    with calls_wsgi(app) as call:
        yield call
    app._guard.close()


INTEGRATIONS: Final = {
    "drf": drf_app,
    "django": django_app,
    "async django": async_django_app,
    "flask": flask_app,
    "fastapi": fastapi_app,
    "asgi": asgi_app,
    "wsgi": wsgi_app,
}
