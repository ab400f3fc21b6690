"""What is particular to one framework."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from typing import Annotated, Any

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path as django_path
from flask import Flask
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from latchkey import headers
from latchkey.client.rate_limit import RateLimit
from latchkey.integrations import asgi, fastapi, flask
from latchkey.integrations.configuration import ConfigurationError
from latchkey.integrations.django import LatchkeyMiddleware, require_key
from latchkey.integrations.drf import HasScope, KeyUser, LatchkeyAuthentication
from latchkey.integrations.principal import UNVERIFIED, Principal
from latchkey.integrations.wsgi import LatchkeyMiddleware as WSGIMiddleware
from tests.latchkey.integrations.apps import MIDDLEWARE, calls_asgi, drf_app, fastapi_service, project, settings_of
from tests.latchkey.integrations.cases import key
from tests.latchkey.integrations.conftest import Keys
from tests.support.commands import ROOT

pytestmark = pytest.mark.storeless("what is particular to a framework")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the shell that runs the tests."""
    monkeypatch.delenv("LATCHKEY_URL", raising=False)
    monkeypatch.delenv("LATCHKEY_API_KEY", raising=False)


# Django REST framework


class Caller(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return False


def drf_response(keys: Keys, credential: str | None, **attributes: Any) -> Any:
    """The response of a view with `attributes`."""

    class View(APIView):
        authentication_classes = [LatchkeyAuthentication]

        def get(self, request: Request) -> Response:
            return Response(str(request.user))

    for name, value in attributes.items():
        setattr(View, name, value)
    sent = APIRequestFactory().get("/x", headers=dict(key(credential)) if credential else None)
    handler = "latchkey.integrations.drf.exception_handler"
    with override_settings(**settings_of(keys.options()), REST_FRAMEWORK={"EXCEPTION_HANDLER": handler}):
        return View.as_view()(sent)


@pytest.mark.parametrize(
    ("permission", "status"),
    [
        (HasScope("orders:read") & IsAuthenticated, 200),
        (IsAuthenticated & HasScope("orders:read"), 200),
        (HasScope("a:b") | HasScope("orders:read"), 200),
        (~HasScope("orders:read"), 403),
        (HasScope("orders:read", "a:b"), 403),
        (HasScope("a:b") & IsAuthenticated, 403),
        (Caller, 403),
        (IsAdminUser, 403),
    ],
)
def test_permissions_can_be_combined(keys: Keys, permission: Any, status: int) -> None:
    assert drf_response(keys, keys.new().reveal(), permission_classes=[permission]).status_code == status


def test_a_permission_keeps_nothing_of_a_request(keys: Keys) -> None:
    shared: Any = HasScope("a:b", "orders:read")
    first = drf_response(keys, keys.new().reveal(), permission_classes=[shared])
    second = drf_response(keys, keys.new(scopes=["a:b"]).reveal(), permission_classes=[shared])
    details = [response.content.decode().partition('"detail": "')[2].partition('"')[0] for response in (first, second)]
    assert details == ["This call needs the scope a:b.", "This call needs the scope orders:read."]
    assert (shared.message, shared.code) == (None, None)


def test_without_a_permission_a_request_without_key_is_anonymous(keys: Keys) -> None:
    assert drf_response(keys, None, permission_classes=[]).data == "AnonymousUser"


def test_another_authentication_class_may_come_first(keys: Keys) -> None:
    classes = [SessionAuthentication, LatchkeyAuthentication]
    named = {"authentication_classes": classes, "permission_classes": [IsAuthenticated]}
    caller = keys.new()
    assert drf_response(keys, caller.reveal(), **named).data == caller.key_id
    missing, wrong = drf_response(keys, None, **named), drf_response(keys, keys.wrong().reveal(), **named)
    assert [(found.status_code, found["WWW-Authenticate"]) for found in (missing, wrong)] == [
        (401, headers.CHALLENGE)
    ] * 2


def test_cost_may_depend_on_the_request(keys: Keys) -> None:
    cost = property(lambda view: 3 if view.request.method == "GET" else 1)
    caller = keys.new(rate_limit=RateLimit(10, 3600)).reveal()
    found = drf_response(keys, caller, permission_classes=[IsAuthenticated], latchkey_cost=cost)
    assert found[headers.X_RATE_LIMIT_REMAINING] == "7"


def test_other_exception_handlers_have_status_challenge_and_wait(keys: Keys) -> None:
    from rest_framework.settings import api_settings

    caller = keys.new(rate_limit=RateLimit(1, 3600)).reveal()
    options = settings_of(keys.options())
    with override_settings(**options, REST_FRAMEWORK={"EXCEPTION_HANDLER": "rest_framework.views.exception_handler"}):

        class View(APIView):
            settings = api_settings
            authentication_classes = [LatchkeyAuthentication]
            permission_classes = [IsAuthenticated]

            def get(self, request: Request) -> Response:
                return Response()

        sent = [caller, caller, keys.wrong().reveal()]
        found = [View.as_view()(APIRequestFactory().get("/x", headers=dict(key(text)))) for text in sent]
    assert [response.status_code for response in found] == [200, 429, 401]
    assert int(found[1]["Retry-After"]) > 3000
    assert found[2]["WWW-Authenticate"] == headers.CHALLENGE


def test_user_has_what_rest_framework_asks_for() -> None:
    user = KeyUser(Principal("lk_0123456789ab"))
    assert (user.pk, user.username, str(user)) == ("lk_0123456789ab",) * 3
    assert (user.has_perm("x"), user.has_perms(["x"]), user.is_staff) == (False, False, False)
    assert (KeyUser(UNVERIFIED).pk, KeyUser(UNVERIFIED).username) == (None, "")


def test_a_missing_setting_lets_nothing_pass(keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    with drf_app({}) as call:
        assert call("/orders", key(keys.new().reveal())).status_code == 500
    assert "ImproperlyConfigured: LATCHKEY_URL is not set." in caplog.text


PROJECT = """
import django
from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(INSTALLED_APPS=["latchkey.integrations.django_app"])
execute_from_command_line(["x", "check"])
"""


def test_a_missing_setting_is_found_by_the_system_check(keys: Keys) -> None:
    def checked(environment: dict[str, str]) -> tuple[int, str]:
        command = [sys.executable, "-c", PROJECT]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    status, errors = checked({"LATCHKEY_API_KEY": keys.service})
    assert status == 1
    assert "(latchkey.E001) LATCHKEY_URL is not set. Set it to the address of Latchkey." in errors
    assert checked({"LATCHKEY_API_KEY": keys.service, "LATCHKEY_URL": keys.url}) == (0, "")


# Flask


def test_flask_reads_the_settings_when_it_is_prepared(keys: Keys) -> None:
    app = Flask(__name__)
    with pytest.raises(ConfigurationError, match="LATCHKEY_URL is not set"):
        flask.install(app)
    app.config.update(settings_of(keys.options()))
    flask.install(app)
    assert app.extensions["latchkey"].policy is not None


# Django


def test_the_decorator_needs_the_middleware() -> None:
    @require_key("orders:read")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    with pytest.raises(ImproperlyConfigured, match="LatchkeyMiddleware to MIDDLEWARE"):
        view(RequestFactory().get("/"))


def hiding(view: Any) -> Any:
    """A decorator that keeps nothing of the view that it wraps."""
    return lambda request: view(request)


@require_key("orders:read")
def inner(request: HttpRequest) -> HttpResponse:
    return HttpResponse("inside")


urls = (
    django_path("hidden", hiding(inner)),
    django_path("public/both", require_key("a:b", cost=3)(inner)),
    django_path("public/free", lambda request: HttpResponse(str(getattr(request, "latchkey", "nobody")))),
    django_path("publicity", lambda request: HttpResponse()),
)


def test_scopes_hold_whatever_stands_around_the_view(keys: Keys) -> None:
    with (
        project(urls, MIDDLEWARE, keys.options()),
        httpx.Client(transport=httpx.WSGITransport(WSGIHandler()), base_url="http://testserver") as client,
    ):
        limit = RateLimit(10, 3600)
        both, one, none = (
            key(keys.new(scopes=scopes, rate_limit=limit).reveal())
            for scopes in (["orders:read", "a:b"], ["orders:read"], ["x:y"])
        )
        assert [client.get("/hidden", headers=sent).status_code for sent in (both, none, {})] == [200, 403, 401]
        stacked = client.get("/public/both", headers=both)
        assert (stacked.status_code, stacked.headers[headers.X_RATE_LIMIT_REMAINING]) == (200, "6")
        assert [client.get("/public/both", headers=sent).status_code for sent in (one, {})] == [403, 401]
        assert client.get("/public/free").text == "nobody"
        assert client.get("/publicity").status_code == 401


def test_settings_are_checked_at_the_start() -> None:
    with pytest.raises(ImproperlyConfigured, match="LATCHKEY_URL is not set"):
        LatchkeyMiddleware(lambda request: HttpResponse())


@pytest.mark.parametrize("paths", ["/", "/admin", ["admin"]])
def test_public_paths_are_checked_at_the_start(keys: Keys, paths: object) -> None:
    with (
        override_settings(LATCHKEY_PUBLIC_PATHS=paths, **settings_of(keys.options())),
        pytest.raises(ImproperlyConfigured, match="LATCHKEY_PUBLIC_PATHS must be a list"),
    ):
        LatchkeyMiddleware(lambda request: HttpResponse())


# ASGI and WSGI


def test_middlewares_check_settings_at_the_start() -> None:
    for middleware in (asgi.LatchkeyMiddleware, WSGIMiddleware):
        with pytest.raises(ConfigurationError, match="LATCHKEY_URL is not set"):
            middleware(lambda *_: None)  # type: ignore[arg-type]


async def echo(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """An app that accepts WebSockets, and answers each request with its path."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Request-Id", b"of the app")]})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def asgi_messages(app: Any, **scope: Any) -> list[dict[str, Any]]:
    """What an app sends for a request or a WebSocket."""
    sent: list[dict[str, Any]] = []
    known = {"type": "http", "method": "GET", "path": "/x", "root_path": "", "headers": []}

    async def visit() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        guard = getattr(app, "_guard", None)
        await app({**known, **scope}, receive, send)
        if guard is not None:
            await guard.aclose()

    asyncio.run(visit())
    return sent


def asgi_fields(fields: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in fields.items()]


def test_websockets_need_a_key(keys: Keys) -> None:
    app = asgi.LatchkeyMiddleware(echo, rules=[asgi.Rule("/x", scopes=["orders:read"])], **keys.options())
    (accepted,) = asgi_messages(app, type="websocket", headers=asgi_fields(key(keys.new().reveal())))
    assert accepted["type"] == "websocket.accept"
    assert b"ratelimit" in dict(accepted["headers"])
    assert asgi_messages(app, type="websocket") == [{"type": "websocket.close", "code": 1008}]
    head, body = asgi_messages(app, type="websocket", extensions={"websocket.http.response": {}})
    assert (head["type"], head["status"]) == ("websocket.http.response.start", 401)
    assert b"missing-credential" in body["body"]


def test_a_field_that_was_sent_twice_has_two_values(keys: Keys) -> None:
    app = asgi.LatchkeyMiddleware(echo, **keys.options())
    one, other = (asgi_fields(key(keys.new().reveal())) for _ in range(2))
    assert asgi_messages(app, headers=[*one, *one])[0]["status"] == 200
    assert asgi_messages(app, headers=[*one, *other])[0]["status"] == 400


def test_request_id_of_the_app_is_replaced(keys: Keys) -> None:
    app = asgi.LatchkeyMiddleware(echo, **keys.options())
    head, _ = asgi_messages(app, headers=asgi_fields({**key(keys.new().reveal()), "X-Request-Id": "a.b"}))
    assert [value for name, value in head["headers"] if name.lower() == b"x-request-id"] == [b"a.b"]


def test_rules_are_for_paths_below_the_mount(keys: Keys) -> None:
    app = asgi.LatchkeyMiddleware(echo, rules=[asgi.Rule("/health", public=True)], **keys.options())
    mounted = [("/api", "/api/health"), ("/api", "/health"), ("", "/health")]
    assert [asgi_messages(app, root_path=root, path=path)[0]["status"] for root, path in mounted] == [200, 200, 200]
    assert asgi_messages(app, root_path="/health", path="/health/x")[0]["status"] == 401
    assert asgi_messages(app, path="/health/../x")[0]["status"] == 404


# FastAPI


def test_openapi_has_both_schemes(keys: Keys) -> None:
    document = fastapi_service(keys.options()).openapi()
    schemes = document["components"]["securitySchemes"]
    assert (schemes["LatchkeyKey"]["type"], schemes["LatchkeyKey"]["name"]) == ("apiKey", headers.API_KEY)
    assert (schemes["LatchkeyBearer"]["type"], schemes["LatchkeyBearer"]["scheme"]) == ("http", "bearer")
    assert document["paths"]["/orders"]["get"]["security"] == [{"LatchkeyKey": []}, {"LatchkeyBearer": []}]
    assert "security" not in document["paths"]["/health"]["get"]
    assert "parameters" not in document["paths"]["/orders"]["get"]


def test_several_dependencies_pay_the_highest_cost(keys: Keys) -> None:
    from fastapi import APIRouter, Depends, FastAPI

    app = FastAPI()
    fastapi.install(app, **keys.options())
    router = APIRouter(dependencies=[Depends(fastapi.require_key("orders:read", cost=2))])

    @router.get("/cheap")
    async def cheap(_key: Annotated[Principal, Depends(fastapi.require_key("a:b"))]) -> None:
        return None

    @router.get("/costly")
    async def costly(_key: Annotated[Principal, Depends(fastapi.require_key("a:b", cost=7))]) -> None:
        return None

    app.include_router(router)

    def remaining(call: Any, path: str, **values: Any) -> tuple[int, str, str]:
        response = call(path, key(keys.new(rate_limit=RateLimit(8, 3600), **values).reveal()))
        return response.status_code, response.headers[headers.X_RATE_LIMIT_REMAINING], response.text[:20]

    with calls_asgi(app) as call:
        assert remaining(call, "/cheap", scopes=["orders:read", "a:b"]) == (200, "6", "null")
        assert remaining(call, "/costly", scopes=["orders:read", "a:b"]) == (200, "1", "null")
        assert remaining(call, "/costly", scopes=["orders:read"])[0] == 403
        limited = keys.new(scopes=["orders:read", "a:b"], rate_limit=RateLimit(8, 36000)).reveal()
        found = [call("/costly", key(limited)) for _ in range(2)]
        assert [response.status_code for response in found] == [200, 429]
        assert found[1].headers.get_list(headers.X_RATE_LIMIT_REMAINING) == ["1"]


def test_an_app_that_is_not_prepared_lets_nothing_pass(keys: Keys) -> None:
    from fastapi import Depends, FastAPI

    app = FastAPI()

    @app.get("/x", dependencies=[Depends(fastapi.require_key())])
    async def protected() -> None:
        return None

    with calls_asgi(app) as call, pytest.raises(RuntimeError, match=r"Call latchkey\.integrations\.fastapi\.install"):
        call("/x", key(keys.new().reveal()))


def test_websocket_route_of_fastapi(keys: Keys) -> None:
    from fastapi import Depends, FastAPI, WebSocket

    app = FastAPI()
    fastapi.install(app, **keys.options())

    @app.websocket("/x")
    async def talk(socket: WebSocket, caller: Annotated[Principal, Depends(fastapi.require_key())]) -> None:
        raise AssertionError(caller)

    socket = {"type": "websocket", "query_string": b"", "extensions": {"websocket.http.response": {}}}
    denied = asgi_messages(app, **socket)
    assert (denied[0]["type"], denied[0]["status"]) == ("websocket.http.response.start", 401)
    socket.pop("extensions")
    assert asgi_messages(app, **socket) == [{"type": "websocket.close", "code": 1008}]


def test_a_denied_head_has_no_body(keys: Keys) -> None:
    app = WSGIMiddleware(lambda *_: [], **keys.options())
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://testserver") as client:
        response = client.head("/orders")
    assert (response.status_code, response.content) == (401, b"")
