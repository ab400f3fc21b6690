"""Sign-in limit per client address, charged before everything that a sign-in costs."""

from typing import Any

from django.http import HttpRequest

from apikeys.address_limit import charge_sign_in
from apikeys.request_context import address_of


def charge_attempt(request: HttpRequest) -> None:
    """Charge one attempt to the client address. Raises QuotaExceeded if the address is over AUTH_FAILURE_LIMIT."""
    try:
        address = address_of(request.META)
    # A sign-in outside of any request, as Django's test client makes it.
    except KeyError:
        return
    error = charge_sign_in(address)
    if error is not None:
        raise error


class SignInLimitBackend:
    """First authentication backend. It knows no users, but charges each attempt, right or wrong, to the client
    address.

    A lockout applies to a name, so it doesn't stop a client that tries random names. Each of them would cost
    queries and a hash.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Raise QuotaExceeded if the address is over AUTH_FAILURE_LIMIT."""
        if request is not None:
            charge_attempt(request)
