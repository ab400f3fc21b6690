"""The limit of sign-ins from one address, charged ahead of everything that a sign-in costs."""

from typing import Any

from django.http import HttpRequest

from apikeys.address_limit import charge_sign_in
from apikeys.request_context import address_of


class SignInLimitBackend:
    """The first authentication backend: it knows no users. It charges each attempt, right or wrong, to the address.

    A lockout is of a name, so it doesn't stop a client that tries random names. Each would cost queries and a hash.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Raise QuotaExceeded if the address is over AUTH_FAILURE_LIMIT."""
        if request is None:
            return
        try:
            address = address_of(request.META)
        except KeyError:  # a sign-in outside of any request, as Django's test client makes it
            return
        refusal = charge_sign_in(address)
        if refusal is not None:
            raise refusal
