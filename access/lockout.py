"""Lockout keys: the name and the client address by which django-axes counts failures."""

from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from apikeys.request_context import address_of


def lockout_address(request: HttpRequest) -> str | None:
    """Return the client address, or None if it is unknown."""
    try:
        address = address_of(request.META)
    # A sign-in outside of any request, as Django's test client makes it.
    except KeyError:
        return None
    # axes stores addresses, not networks. Of an IPv6 network its first address is used.
    return None if address == "unknown" else address.partition("/")[0]


def lockout_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Return the user name, or a digest of it if no user has this name."""
    typed = str((credentials or {}).get("username") or "")
    if known_name(typed) is not None:
        return typed
    # A name that no user has may be a password that was typed into the wrong box, so it must not be stored.
    return salted_hmac("access.lockout", typed, algorithm="sha256").hexdigest()


def known_name(typed: str) -> str | None:
    """Return `typed` if it is the name of a user, or None."""
    return typed if get_user_model()._default_manager.filter(username=typed).exists() else None
