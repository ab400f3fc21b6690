"""Rules for the texts of users and groups, which events repeat: no live secret, and a name that can be seen."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError

from latchkey.blank_text import is_blank
from latchkey.secret_detection import REFUSAL, holds_secret


def refuse_secret(text: str) -> None:
    """Raises ValidationError for a text that holds a live secret."""
    if holds_secret(text):
        raise ValidationError(REFUSAL, code="secret")


def require_visible(text: str) -> None:
    """Raises ValidationError for a text without a visible character."""
    if is_blank(text):
        raise ValidationError("Use at least one visible character.", code="empty")


def add_rules() -> None:
    """Adds the rules to Django's models, so that pages and commands (createsuperuser) have them. Called once."""
    names: list[Any] = [User._meta.get_field("username"), Group._meta.get_field("name")]
    others: list[Any] = [User._meta.get_field(name) for name in ("first_name", "last_name", "email")]
    for field in names:
        field.validators.append(require_visible)
    for field in names + others:
        field.validators.append(refuse_secret)
