"""Guards of a Django project, which its settings configure."""

from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse

from latchkey.integrations.configuration import Configuration, ConfigurationError
from latchkey.integrations.guard import AsyncGuard, Guard
from latchkey.integrations.incoming import IncomingRequest
from latchkey.integrations.outcome import Denied
from latchkey.integrations.wsgi import header_reader


@cache
def guard() -> Guard:
    """Return the guard of synchronous views. Raises ImproperlyConfigured."""
    return Guard(configuration())


@cache
def async_guard() -> AsyncGuard:
    """Return the guard of asynchronous views. Raises ImproperlyConfigured."""
    return AsyncGuard(configuration())


def incoming(request: HttpRequest) -> IncomingRequest:
    """Return the request as a guard needs it."""
    # Django gives every request the environment of WSGI, also under ASGI.
    return IncomingRequest.of(request.path, header_reader(request.META))


def problem_response(denied: Denied) -> HttpResponse:
    """Return the response to a request that may not pass."""
    return HttpResponse(denied.body, status=denied.status, headers=dict(denied.fields))


def configuration() -> Configuration:
    """Return the settings of the project. Raises ImproperlyConfigured."""
    try:
        return Configuration.read(lambda name: getattr(settings, name, None))
    except ConfigurationError as error:
        raise ImproperlyConfigured(str(error)) from None


def _forget(*, setting: str, **_: object) -> None:
    """Read the settings again after a test has changed them."""
    if setting.startswith("LATCHKEY_"):
        if guard.cache_info().currsize:
            guard().close()
        guard.cache_clear()
        async_guard.cache_clear()


setting_changed.connect(_forget)
