"""Protection against outdated pages: a form about a user or group applies only to the state that its page showed.

A form sends every field, also unchanged ones. A page that was loaded before a user got another role would take the role
away again.
"""

import json
from typing import Final

from django.contrib.auth.models import Group, User
from django.utils.crypto import salted_hmac

from access.account_changes import last_change, values_of
from access.authenticators import identifier

FIELD: Final = "known_state"


class StalePage(Exception):
    """Error: the user or group was changed after the page was loaded. Its text is for the person at the page."""

    def __init__(self, subject: User | Group) -> None:
        kind = "account of" if isinstance(subject, User) else "role"
        super().__init__(
            f"The {kind} {subject} was changed{last_change(subject)} after this page was loaded. Nothing was saved. "
            "Review the change, then try again."
        )


def state_of(subject: User | Group) -> str:
    """Return a digest of everything that a page about `subject` can change, in 64 hexadecimal digits."""
    values = values_of(subject)
    if isinstance(subject, User):
        # A new password, link or authenticator app is a change too.
        values |= {"password": subject.password, "authenticator": identifier(subject)}
    # Keyed, because the digest is on the page and covers the password's hash.
    text = json.dumps(values, sort_keys=True)
    return salted_hmac("access.stale_form_guard", text, algorithm="sha256").hexdigest()
