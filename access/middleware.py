"""Ends sessions of the admin that were left alone, or are too old."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from access import session_age
from access.sign_out import tell_sign_out

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
