"""The model field and the form field that hold a rate limit, and nothing that is none."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.fields import InvalidJSONInput

from latchkey.strict_json import MalformedJSON, loads
from ratelimit.limit import Limit, LimitError, parse_limit


def _refuse(error: LimitError) -> ValidationError:
    return ValidationError(
        [
            ValidationError(
                "%(pointer)s: %(reason)s", fault.code, {"pointer": fault.pointer or "/", "reason": fault.detail}
            )
            for fault in error.errors
        ]
    )


def validate_rate_limit(value: object) -> None:
    """Raises ValidationError, an entry a fault with its JSON pointer, for a JSON value that is no rate limit."""
    try:
        parse_limit(value)
    except LimitError as error:
        raise _refuse(error) from None


class StrictJSONFormField(forms.JSONField):
    """A text box for JSON, empty for null, read strictly: no member twice, no NaN, nothing that no database keeps."""

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values or isinstance(value, (dict, list)):
            return value or None
        try:
            return loads(str(value))
        except MalformedJSON as error:
            raise ValidationError(str(error), code="malformed-json") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed, shown again as it was typed where it is refused."""
        try:
            loads(str(data))
        except MalformedJSON:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)


class RateLimitFormField(StrictJSONFormField):
    """A text box for a rate limit. Unlimited is the word null: an emptied box is refused, so that nobody lifts a limit
    by accident.
    """

    def to_python(self, value: Any) -> Any:
        if value in ("", None):
            raise ValidationError("Write a limit, or null for unlimited.", code="empty")
        return super().to_python(value)

    def validate(self, value: Any) -> None:
        super().validate(value)
        validate_rate_limit(value)


class RateLimitField(models.JSONField):
    """`{"burst": n, "per_seconds": n}`, or null for unlimited; checked by `full_clean` and again at each write."""

    description = "A rate limit"
    empty_values = [None]  # so that [], {} and "" are judged, and refused, like any other value

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        super().validate(value, model_instance)
        validate_rate_limit(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if isinstance(value, Limit):
            value = value.as_json()
        if value is None or isinstance(value, (dict, list, str, int, float)):
            validate_rate_limit(value)
        return super().get_db_prep_save(value, connection)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": RateLimitFormField, **kwargs})
