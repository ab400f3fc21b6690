"""States of a person: whether they can sign in, and if not, what they wait for."""

from enum import StrEnum
from typing import Final

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import User
from django.db.models import Q


class PersonState(StrEnum):
    """The state of a person. Someone without a password has to use a one-time link before they can sign in."""

    ACTIVE = "active"
    INVITED = "invited"
    PASSWORD_RESET = "password reset"  # noqa: S105 - the name of a state
    DEACTIVATED = "deactivated"


_WITHOUT_PASSWORD: Final = Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
FILTERS: Final = {
    PersonState.ACTIVE: Q(is_active=True) & ~_WITHOUT_PASSWORD,
    PersonState.INVITED: Q(is_active=True, last_login=None) & _WITHOUT_PASSWORD,
    PersonState.PASSWORD_RESET: Q(is_active=True, last_login__isnull=False) & _WITHOUT_PASSWORD,
    PersonState.DEACTIVATED: Q(is_active=False),
}
TONES: Final = {
    PersonState.INVITED: "notice",
    PersonState.PASSWORD_RESET: "warning",
    PersonState.DEACTIVATED: "disabled",
}
"""The class of the badge of a state, if it isn't the state's name."""


def person_state(user: User) -> PersonState:
    """Return the person's state."""
    if not user.is_active:
        return PersonState.DEACTIVATED
    if user.has_usable_password():
        return PersonState.ACTIVE
    return PersonState.INVITED if user.last_login is None else PersonState.PASSWORD_RESET
