"""A request that passes several guarded places: it pays the highest cost once, and a wait is long enough for it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import pytest
from flask import Flask, g

from latchkey import headers
from latchkey.denials import limit_exceeded
from latchkey.integrations import asgi, fastapi, flask, wsgi
from latchkey.rate_limit_fields import fields_of_limits
from tests.clients.go import apps as go
from tests.clients.marks import OF_GO, OF_NODE
from tests.clients.node import apps as node
from tests.latchkey.client.responses import CREDENTIAL, json_response
from tests.latchkey.integrations.apps import Call, Options, calls_asgi, calls_wsgi
from tests.latchkey.integrations.cases import key
from tests.latchkey.integrations.timed_bucket import TimedBucket, timed_bucket
from tests.latchkey.integrations.waits import ALLOWED, WAITS, Wait
from tests.latchkey.stub import stub

pytestmark = pytest.mark.storeless("how often a key pays for a request")
SENT = key(CREDENTIAL.reveal())


@contextmanager
def nested_fastapi(options: Options) -> Iterator[Call]:
    """A router, and an operation of it; `/hidden` calls the dependency itself, which no one can know ahead."""
    from fastapi import APIRouter, Depends, FastAPI, Request

    app = FastAPI(dependencies=[Depends(fastapi.require_key("orders:read"))])
    fastapi.install(app, **options)
    router = APIRouter(prefix="/nested", dependencies=[Depends(fastapi.require_key(cost=2))])
    seven = fastapi.require_key("a:b", cost=7)

    @router.get("/costly", dependencies=[Depends(seven)])
    async def costly() -> None:
        return None

    @router.get("/hidden")
    async def hidden(request: Request) -> None:
        await seven(request, None, None)

    app.include_router(router)
    with calls_asgi(app) as call:
        yield call


@contextmanager
def nested_flask(options: Options) -> Iterator[Call]:
    """Stacked decorators; another decorator hides one of them in `/hidden`."""
    app = Flask(__name__)
    flask.install(app, **options)
    seven = flask.require_key("a:b", cost=7)(lambda: g.latchkey.key_id)
    app.add_url_rule("/nested/costly", "costly", flask.require_key("orders:read", cost=2)(seven))
    app.add_url_rule("/nested/hidden", "hidden", flask.require_key(cost=2)(lambda: seven()))
    with calls_wsgi(app) as call:
        yield call
    app.extensions["latchkey"].close()


@contextmanager
def flask_behind_the_middleware(options: Options) -> Iterator[Call]:
    with nested_flask_app(options) as (app, call):
        app.add_url_rule("/nested/hidden", "hidden", flask.require_key("a:b", cost=7)(lambda: g.latchkey.key_id))
        yield call


@contextmanager
def nested_flask_app(options: Options) -> Iterator[tuple[Flask, Call]]:
    """An app without decorators behind the middleware, which takes 2 tokens."""
    app = Flask(__name__)
    flask.install(app, **options)
    middleware = wsgi.LatchkeyMiddleware(app.wsgi_app, rules=[wsgi.Rule("/", cost=2)], **options)
    with calls_wsgi(middleware) as call:
        yield app, call
    middleware._guard.close()
    app.extensions["latchkey"].close()


@contextmanager
def fastapi_behind_the_middleware(options: Options) -> Iterator[Call]:
    from fastapi import Depends, FastAPI

    app = FastAPI()
    fastapi.install(app, **options)

    @app.get("/nested/hidden", dependencies=[Depends(fastapi.require_key("a:b", cost=7))])
    async def costly() -> None:
        return None

    with calls_asgi(asgi.LatchkeyMiddleware(app, rules=[asgi.Rule("/", cost=2)], **options)) as call:
        yield call


Begin = Callable[[Options], AbstractContextManager[Call]]

KNOWN_AHEAD: dict[str, Begin] = {"fastapi": nested_fastapi, "flask": nested_flask}
ONE_AFTER_THE_OTHER: dict[str, tuple[Begin, str]] = {
    "fastapi": (nested_fastapi, "/nested/hidden"),
    "fastapi behind the middleware": (fastapi_behind_the_middleware, "/nested/hidden"),
    "flask": (nested_flask, "/nested/hidden"),
    "flask behind the middleware": (flask_behind_the_middleware, "/nested/hidden"),
    **{framework: (begin, "/nested/costly") for framework, begin in (node.INTEGRATIONS | go.INTEGRATIONS).items()},
}
_MARKS = {**dict.fromkeys(node.INTEGRATIONS, OF_NODE), **dict.fromkeys(go.INTEGRATIONS, OF_GO)}
NAMES = [pytest.param(name, marks=_MARKS.get(name, ())) for name in ONE_AFTER_THE_OTHER]


@pytest.mark.parametrize("name", KNOWN_AHEAD)
def test_costs_that_are_known_ahead_are_taken_at_once(name: str) -> None:
    with timed_bucket(10, 3600) as bucket, KNOWN_AHEAD[name](bucket.options) as call:
        assert call("/nested/costly", SENT).status_code == 200
        assert bucket.costs == [7]
        denied = call("/nested/costly", SENT)
        assert (denied.status_code, bucket.costs) == (429, [7, 7])
        assert denied.headers[headers.X_RATE_LIMIT_REMAINING] == "3", "a denied request pays nothing"
        waited(bucket, denied)
        assert call("/nested/costly", SENT).status_code == 200


def waited(bucket: TimedBucket, denied: httpx.Response) -> None:
    """Move the time as far as a denial says."""
    seconds = denied.headers[headers.RETRY_AFTER]
    assert denied.json()["detail"] == f"Rate limit exceeded. Retry in {seconds} seconds."
    bucket.now_seconds += int(seconds)


@pytest.mark.parametrize("name", NAMES)
def test_a_wait_makes_room_for_all_that_is_taken(name: str) -> None:
    begin, path = ONE_AFTER_THE_OTHER[name]
    with timed_bucket(8, 3599) as bucket, begin(bucket.options) as call:
        assert call(path, SENT).status_code == 200
        assert bucket.costs == [2, 5]
        bucket.now_seconds += 3599 // 2
        for _ in range(3):
            denied = call(path, SENT)
            assert denied.status_code == 429
            assert bucket.costs[-2:] == [2, 5]
            waited(bucket, denied)
            allowed = call(path, SENT)
            assert allowed.status_code == 200, allowed.text
            assert allowed.headers.get_list(headers.X_RATE_LIMIT_REMAINING) == ["0"]
            bucket.now_seconds += 3599 // 2


@pytest.mark.parametrize("name", NAMES)
def test_no_wait_helps_if_the_bucket_is_too_small(name: str) -> None:
    begin, path = ONE_AFTER_THE_OTHER[name]
    with timed_bucket(6, 3600) as bucket, begin(bucket.options) as call:
        denied = call(path, SENT)
    assert (denied.status_code, denied.json()["title"]) == (403, "The key's rate limit is too small")
    detail = "This request costs 7 tokens; the key's bucket holds 6. Give the key a burst of at least 7."
    assert denied.json()["detail"] == detail


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.name)
@pytest.mark.parametrize("name", NAMES)
def test_a_wait_is_that_of_the_limits_that_lack_room(name: str, wait: Wait) -> None:
    begin, path = ONE_AFTER_THE_OTHER[name]
    verdicts = iter([json_response(ALLOWED), json_response(wait.denial)])
    with stub(lambda _: next(verdicts)) as server:
        options = {"url": server.url, "api_key": CREDENTIAL.reveal()}
        with begin(options) as call:
            denied = call(path, SENT)
    assert denied.status_code == 429
    assert denied.headers.get(headers.RETRY_AFTER) == (None if wait.seconds is None else str(wait.seconds))
    assert denied.json()["detail"] == limit_exceeded(wait.seconds, ["key"])
    fields = dict(fields_of_limits([wait.own, *wait.limits]))
    assert {name: denied.headers.get_list(name) for name in fields} == {name: [fields[name]] for name in fields}
    assert (headers.X_RATE_LIMIT_RESET in denied.headers) is (headers.X_RATE_LIMIT_RESET in fields)


def test_flask_knows_the_caller_behind_the_middleware() -> None:
    with timed_bucket(10, 3600) as bucket, nested_flask_app(bucket.options) as (app, call):
        app.add_url_rule("/free", "free", lambda: g.latchkey.key_id)
        found = call("/free", SENT)
        assert (found.status_code, found.text) == (200, CREDENTIAL.key_id)
        assert bucket.costs == [2]


def test_flask_checks_the_scopes_of_all_decorators() -> None:
    with timed_bucket(10, 3600) as bucket, nested_flask(bucket.options) as call:
        bucket.scopes = ["orders:read"]
        denied = call("/nested/costly", SENT)
    assert (denied.status_code, denied.json()["detail"]) == (403, "This call needs the scope a:b.")
