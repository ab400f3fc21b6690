"""What django-axes counts failures by: the name that was tried, and the client's address as Latchkey knows it."""

from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from apikeys.request_context import address_of


def lockout_address(request: HttpRequest) -> str | None:
    """The client's address; of an IPv6 network its first, as axes keeps addresses and no networks."""
    try:
        address = address_of(request.META)
    except KeyError:  # a sign-in outside of any request, as Django's test client makes it
        return None
    return None if address == "unknown" else address.partition("/")[0]


def lockout_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The user's name; of a name that nobody has a digest, as it may be a password in the wrong box."""
    typed = str((credentials or {}).get("username") or "")
    if known_name(typed) is not None:
        return typed
    return salted_hmac("access.lockout", typed, algorithm="sha256").hexdigest()


def known_name(typed: str) -> str | None:
    """`typed` where it is a user's name."""
    return typed if get_user_model()._default_manager.filter(username=typed).exists() else None
