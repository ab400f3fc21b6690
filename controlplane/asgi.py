"""The server's one ASGI application: a short router in front of Django, which runs as WSGI on a thread pool."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit

import structlog
from a2wsgi import WSGIMiddleware
from django.conf import settings

from controlplane.wsgi import application as wsgi  # makes Django ready for what is imported after it

# isort: split

from controlplane.change_requests import ChangeRequests, changes
from controlplane.event_stream.door import asks_for_stream, event_stream
from controlplane.gateway_door.at_once import check_at_once
from controlplane.gateway_door.door import CHECK, asks_to_verify, call_of, check_door, is_doubtful, verify_door
from controlplane.gateway_door.request import DoorRequest
from controlplane.health_probe import asks_for_health, health_probe
from controlplane.password_requests import PasswordRequests, may_hash_password
from controlplane.server.asgi_types import ASGIApplication, Receive, Scope, Send
from controlplane.server.at_once import AT_ONCE
from controlplane.server.body import BodyTooLarge, BodyTooSlow, bounded_body
from controlplane.server.endless import abort
from controlplane.server.lists import bounded_lists
from controlplane.server.paced_threads import PacedThreads
from controlplane.server.refusal import Answer, send_problem
from controlplane.server.response_metrics import counted

# LMDB's calls release Python's lock, and a thread that wants it back waits for all that want to run: with more threads
# each decision takes longer, and nothing is done sooner (measured by `make bench`).
THREADS: Final = 2

# TLS ends in a proxy, so the connection here tells nothing; PUBLIC_URL says how clients come.
_SCHEME: Final = urlsplit(settings.PUBLIC_URL).scheme

AT_ONCE[CHECK] = check_at_once

log = structlog.get_logger(__name__)


def _django_on(threads: ThreadPoolExecutor) -> ASGIApplication:
    """Django on those threads. An answer waits in memory for its client: no thread waits for a slow reader."""
    middleware = WSGIMiddleware(wsgi, workers=1, send_queue_size=0)  # type: ignore[arg-type]
    middleware.executor = threads
    return middleware  # type: ignore[return-value]


# Requests with a credential that memory speaks for wait for each other alone: not for those of anybody, nor for a hash.
_for_known_keys = _django_on(ThreadPoolExecutor(THREADS, "django-known-keys"))
_for_others = _django_on(PacedThreads(THREADS, "django"))
_for_changes_of_known_keys = ChangeRequests(_django_on(ThreadPoolExecutor(1, "django-changes-known-keys")))
_for_changes_of_others: ChangeRequests = ChangeRequests(
    _django_on(PacedThreads(1, "django-changes", crowded=lambda: _for_changes_of_others.crowded))
)
_for_passwords = PasswordRequests(_django_on(ThreadPoolExecutor(1, "django-passwords")))


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers one connection event. Whatever goes wrong before Django or around it is still answered as a problem."""
    if scope["type"] != "http":
        await _for_others(scope, receive, send)
        return
    # All that share the thread for passwords are slow, and get 503 in a flood, like sign-ins.
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
        abort(scope)  # uvicorn would call it an error that the answer was not completed


async def _route(scope: Scope, receive: Receive, send: Send) -> None:
    """Hands the request over with its body whole, so that a slow sender occupies no thread.

    Fields whose name holds an underscore are dropped: in WSGI's environ they would pass for those with a hyphen.
    """
    if scope["path"] == CHECK:
        await check_door(scope, receive, send)
        return
    fields = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    fields, receive = await bounded_body(bounded_lists(fields), receive)
    scope |= {"headers": fields, "scheme": _SCHEME}
    if asks_to_verify(scope):
        await verify_door(scope, receive, send)
    elif asks_for_stream(scope):
        await event_stream(scope, receive, send)
    elif asks_for_health(scope):
        await health_probe(scope, send)
    elif may_hash_password(scope):
        await _for_passwords(scope, receive, send)
    elif is_doubtful(call_of(scope, DoorRequest.of(scope))):
        await (_for_changes_of_others if changes(scope) else _for_others)(scope, receive, send)
    else:
        await (_for_changes_of_known_keys if changes(scope) else _for_known_keys)(scope, receive, send)
