"""Ends sessions of the admin that were left alone, or are too old."""

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
from access.sign_out import tell_sign_out
from apikeys.database_outage import outage_of
from apikeys.read_only import reads_only
from events.lock_wait import note_given_up, waits

log = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class SessionAgeMiddleware:
    """Judges the session of each request that has one, ahead of every view."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            _judge(request, time.time())
        return self.get_response(request)


def _judge(request: HttpRequest, now: float) -> None:
    because = session_age.why_ended(request.session, now, settings.ADMIN_IDLE_TIMEOUT)
    if because is not None:
        with transaction.atomic():
            tell_sign_out(request, because)
            logout(request)
        messages.info(request, "You were signed out: the session was too old, or not used for too long.")
    # What a page asks for by itself is no use: one that was left open must not keep its session alive.
    elif request.headers.get("Sec-Fetch-Dest") != "empty":
        session_age.use(request.session, now, settings.ADMIN_IDLE_TIMEOUT)
        if request.session.modified and request.method in ("GET", "HEAD"):
            _keep_use(request.session)


def _keep_use(session: SessionBase) -> None:
    """Store the use now. A page that only reads is shown even while the database takes no changes."""
    session.modified = False
    if waits() or reads_only():
        return
    try:
        session.save()
    except UpdateError:
        session.modified = True  # it has ended meanwhile: Django says so
    except DatabaseError as error:
        if not note_given_up(error) and not outage_of(error):
            raise
        log.warning("session_use_not_kept", reason=outage_of(error))
