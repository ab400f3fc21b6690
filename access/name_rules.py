"""Validation rules for the texts of users and groups, because events repeat them: no valid secret, and a visible
name.
"""

from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError

from latchkey.blank_text import is_blank
from latchkey.secret_detection import REJECTION_MESSAGE, contains_secret


def refuse_secret(text: str) -> None:
    """Raise ValidationError for a text that contains a valid secret."""
    if contains_secret(text):
        raise ValidationError(REJECTION_MESSAGE, code="secret")


def require_visible(text: str) -> None:
    """Raise ValidationError for a text without a visible character."""
    if is_blank(text):
        raise ValidationError("Use at least one visible character.", code="empty")


def add_rules() -> None:
    """Add the rules to Django's models. Call this once."""
    names: list[Any] = [User._meta.get_field("username"), Group._meta.get_field("name")]
    others: list[Any] = [User._meta.get_field(name) for name in ("first_name", "last_name", "email")]
    # On the models, not on forms, so that commands such as createsuperuser follow the rules too.
    for field in names:
        field.validators.append(require_visible)
    for field in names + others:
        field.validators.append(refuse_secret)
