"""Middleware that ends sessions of the admin that were idle for too long or are too old."""

import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponseBase

from access import session_age
from access.sign_out import append_sign_out_event
from apikeys.database_outage import outage_of
from apikeys.read_only import connection_is_read_only
from events.lock_timeout import record_lock_timeout, timed_out_recently

log = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class SessionAgeMiddleware:
    """Middleware that checks the age of each request's session before any view runs."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            _check_age(request, time.time())
        return self.get_response(request)


def _check_age(request: HttpRequest, now: float) -> None:
    """End the session if it is too old, or record its use."""
    reason = session_age.end_reason(request.session, now, settings.ADMIN_IDLE_TIMEOUT)
    if reason is not None:
        with transaction.atomic():
            append_sign_out_event(request, reason)
            logout(request)
        messages.info(request, "You were signed out because your session was too old or idle for too long.")
    # Background requests of a page don't count as use: a page that is left open must not keep its session alive.
    elif request.headers.get("Sec-Fetch-Dest") != "empty":
        session_age.record_use(request.session, now, settings.ADMIN_IDLE_TIMEOUT)
        if request.session.modified and request.method in ("GET", "HEAD"):
            _save_use(request.session)


def _save_use(session: SessionBase) -> None:
    """Save the use of the session now."""
    # Django would save the session after the response, and fail the request if that fails. A page that only reads
    # must be shown even while the database accepts no changes.
    session.modified = False
    if timed_out_recently() or connection_is_read_only():
        return
    try:
        session.save()
    except UpdateError:
        # The session has ended in the meantime. Django's own middleware reports that.
        session.modified = True
    except DatabaseError as error:
        if not record_lock_timeout(error) and not outage_of(error):
            raise
        log.warning("session_use_not_kept", reason=outage_of(error))
