"""ASGI application of the server: a small router in front of Django, which runs as WSGI on thread pools."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit

import structlog
from a2wsgi import WSGIMiddleware
from django.conf import settings

# This import sets up Django for the imports after it.
from controlplane.wsgi import application as wsgi

# isort: split

from api.event_stream.endpoint import asks_for_stream, event_stream
from gateway.native.endpoint import CHECK, asks_to_verify, call_of, check_endpoint, is_cold, verify_endpoint
from gateway.native.fast_path import check_at_once
from gateway.native.health import asks_for_health, health_probe
from gateway.native.password_queue import PasswordQueue, may_hash_password
from gateway.native.request import EndpointRequest
from gateway.native.write_queue import WriteQueue, changes
from httpserver.asgi_types import ASGIApplication, Receive, Scope, Send
from httpserver.body import BodyTooLarge, BodyTooSlow, bounded_body
from httpserver.early_error import Answer, send_problem
from httpserver.fast_path import FAST_PATHS
from httpserver.list_headers import bounded_lists
from httpserver.response_metrics import counted
from httpserver.streaming_response import abort
from httpserver.throttled_threads import PacedThreads

# LMDB calls release the global interpreter lock, and then wait for it behind every runnable thread. More threads
# make every decision slower and increase no throughput (measured with `make bench`).
THREADS: Final = 2

# A proxy terminates TLS, so this connection doesn't reveal the client's scheme. PUBLIC_URL defines it.
_SCHEME: Final = urlsplit(settings.PUBLIC_URL).scheme

FAST_PATHS[CHECK] = check_at_once

log = structlog.get_logger(__name__)


def _django_on(threads: ThreadPoolExecutor) -> ASGIApplication:
    """Return Django as an ASGI application on those threads."""
    # An unlimited queue: a response waits in memory for its client, so a slow reader occupies no thread.
    middleware = WSGIMiddleware(wsgi, workers=1, send_queue_size=0)  # type: ignore[arg-type]
    middleware.executor = threads
    return middleware  # type: ignore[return-value]


# Separate threads by kind of request. A credential that a cached record allows waits only for requests like it,
# neither for unauthenticated requests nor for password hashes.
_for_known_keys = _django_on(ThreadPoolExecutor(THREADS, "django-known-keys"))
_for_others = _django_on(PacedThreads(THREADS, "django"))
_for_changes_of_known_keys = WriteQueue(_django_on(ThreadPoolExecutor(1, "django-changes-known-keys")))
_for_changes_of_others: WriteQueue = WriteQueue(
    _django_on(PacedThreads(1, "django-changes", crowded=lambda: _for_changes_of_others.crowded))
)
_for_passwords = PasswordQueue(_django_on(ThreadPoolExecutor(1, "django-passwords")))


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. Any failure before or around Django still gets a problem response."""
    if scope["type"] != "http":
        await _for_others(scope, receive, send)
        return
    # All requests on the password thread count as sign-ins: they are slow, and get 503 in a flood.
    send = counted(scope, send, signs_in=may_hash_password(scope))
    answer = Answer(send)
    try:
        await _route(scope, receive, answer.send)
    except BodyTooLarge:
        await send_problem(scope, send, "too-large", "The body has more than 64 KiB.")
    except BodyTooSlow:
        await send_problem(scope, send, "request-timeout", "The body did not arrive in time.")
    except Exception:
        log.exception("request_failed")
        if not answer.started:
            await send_problem(scope, send, "internal-error", "The request could not be completed.")
    if answer.gone:
        # Otherwise uvicorn logs an error, because the response was not completed.
        abort(scope)


async def _route(scope: Scope, receive: Receive, send: Send) -> None:
    """Route a request to its endpoint, with its body read completely, so that a slow sender occupies no thread."""
    if scope["path"] == CHECK:
        await check_endpoint(scope, receive, send)
        return
    # WSGI maps hyphens to underscores, so a field with an underscore could impersonate one with a hyphen. Drop it.
    fields = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    fields, receive = await bounded_body(bounded_lists(fields), receive)
    scope |= {"headers": fields, "scheme": _SCHEME}
    if asks_to_verify(scope):
        await verify_endpoint(scope, receive, send)
    elif asks_for_stream(scope):
        await event_stream(scope, receive, send)
    elif asks_for_health(scope):
        await health_probe(scope, send)
    elif may_hash_password(scope):
        await _for_passwords(scope, receive, send)
    elif is_cold(call_of(scope, EndpointRequest.of(scope))):
        await (_for_changes_of_others if changes(scope) else _for_others)(scope, receive, send)
    else:
        await (_for_changes_of_known_keys if changes(scope) else _for_known_keys)(scope, receive, send)
