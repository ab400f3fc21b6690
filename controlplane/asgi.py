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

from api.event_stream.endpoint import event_stream, is_stream_request
from gateway.native.endpoint import CHECK, VERIFY, call_of, check_endpoint, is_cold, verify_endpoint, verify_request
from gateway.native.fast_path import CHECK_FAST_PATH
from gateway.native.health import health_probe, is_health_probe
from gateway.native.password_queue import PasswordQueue, may_hash_password
from gateway.native.request import EndpointRequest
from gateway.native.verify_fast_path import VERIFY_FAST_PATH
from gateway.native.write_queue import WriteQueue, is_write
from httpserver.asgi_types import ASGIApplication, Receive, Scope, Send
from httpserver.body import BodyTooLarge, BodyTooSlow, bounded_body
from httpserver.early_error import GuardedSend, send_problem
from httpserver.fast_path import FAST_PATHS
from httpserver.list_headers import drop_long_lists
from httpserver.response_metrics import counting_send
from httpserver.streaming_response import abort_connection
from httpserver.throttled_threads import ThrottledThreads

# LMDB calls release the global interpreter lock, and then wait for it behind every runnable thread. More threads
# make every decision slower and increase no throughput (measured with `make bench`).
THREADS: Final = 2

# A proxy terminates TLS, so this connection doesn't reveal the client's scheme. PUBLIC_URL defines it.
_SCHEME: Final = urlsplit(settings.PUBLIC_URL).scheme

FAST_PATHS.update({CHECK: CHECK_FAST_PATH, VERIFY: VERIFY_FAST_PATH})

log = structlog.get_logger(__name__)


def _django_on(threads: ThreadPoolExecutor, queue: int = 0) -> ASGIApplication:
    """Return Django as an ASGI application on those threads. `queue` is how many parts of a response may wait."""
    # An unlimited queue (0): a response waits in memory for its client, so a slow reader occupies no thread.
    middleware = WSGIMiddleware(wsgi, workers=1, send_queue_size=queue)  # type: ignore[arg-type]
    middleware.executor = threads
    return middleware  # type: ignore[return-value]


# Separate threads by kind of request. A credential that a cached record allows waits only for requests like it,
# neither for unauthenticated requests nor for password hashes.
_for_known_keys = _django_on(ThreadPoolExecutor(THREADS, "django-known-keys"))
_for_others = _django_on(ThrottledThreads(THREADS, "django"))
_for_changes_of_known_keys = WriteQueue(_django_on(ThreadPoolExecutor(1, "django-changes-known-keys")))
_for_changes_of_others: WriteQueue = WriteQueue(
    _django_on(ThrottledThreads(1, "django-changes", crowded=lambda: _for_changes_of_others.crowded))
)
# A download can be larger than memory, so its thread waits for its client, and no other request does.
_for_downloads = _django_on(ThrottledThreads(1, "django-downloads"), queue=4)
_for_passwords = PasswordQueue(_django_on(ThreadPoolExecutor(1, "django-passwords")))


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. Any failure before or around Django still gets a problem response."""
    if scope["type"] != "http":
        await _for_others(scope, receive, send)
        return
    # All requests on the password thread count as sign-ins: they are slow, and get 503 in a flood.
    send = counting_send(scope, send, is_sign_in=may_hash_password(scope))
    guarded = GuardedSend(send)
    try:
        await _route(scope, receive, guarded.send)
    except BodyTooLarge:
        await send_problem(scope, send, "too-large", "The body has more than 64 KiB.")
    except BodyTooSlow:
        await send_problem(scope, send, "request-timeout", "The body did not arrive in time.")
    except Exception:
        log.exception("request_failed")
        if not guarded.started:
            await send_problem(scope, send, "internal-error", "The request could not be completed.")
    if guarded.client_gone:
        # Otherwise uvicorn logs an error, because the response was not completed.
        abort_connection(scope)


async def _route(scope: Scope, receive: Receive, send: Send) -> None:
    """Route a request to its endpoint, with its body read completely, so that a slow sender occupies no thread."""
    if scope["path"] == CHECK:
        await check_endpoint(scope, receive, send)
        return
    # WSGI maps hyphens to underscores, so a field with an underscore could impersonate one with a hyphen. Drop it.
    fields = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    fields, receive = await bounded_body(drop_long_lists(fields), receive)
    scope |= {"headers": fields, "scheme": _SCHEME}
    if verification := verify_request(scope):
        await verify_endpoint(verification, scope, receive, send)
    elif is_stream_request(scope):
        await event_stream(wsgi, scope, receive, send)
    elif is_health_probe(scope):
        await health_probe(scope, send)
    elif may_hash_password(scope):
        await _for_passwords(scope, receive, send)
    elif _is_download(scope):
        await _for_downloads(scope, receive, send)
    elif is_cold(call_of(scope, EndpointRequest.of(scope))):
        await (_for_changes_of_others if is_write(scope) else _for_others)(scope, receive, send)
    else:
        await (_for_changes_of_known_keys if is_write(scope) else _for_known_keys)(scope, receive, send)


def _is_download(scope: Scope) -> bool:
    """Return whether the response may be a file of any size: an export of the admin."""
    path: str = scope["path"]
    return path.startswith("/admin/") and path.rpartition("/")[2].startswith("export.")
