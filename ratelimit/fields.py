"""Model field and form field for a rate limit. Both reject every value that is not a valid rate limit."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.fields import InvalidJSONInput

from latchkey.strict_json import MalformedJSON, loads
from ratelimit.limit import Limit, LimitError, parse_limit


def _validation_error(error: LimitError) -> ValidationError:
    return ValidationError(
        [
            ValidationError(
                "%(pointer)s: %(reason)s", fault.code, {"pointer": fault.pointer or "/", "reason": fault.detail}
            )
            for fault in error.errors
        ]
    )


def validate_rate_limit(value: object) -> None:
    """Validate a decoded JSON value as a rate limit.

    Raises ValidationError with one entry per fault, each with its JSON pointer.
    """
    try:
        parse_limit(value)
    except LimitError as error:
        raise _validation_error(error) from None


class StrictJSONFormField(forms.JSONField):
    """Text box for JSON, with strict parsing: no duplicate fields, no NaN, no values that a database cannot store.

    An empty box means null.
    """

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values or isinstance(value, (dict, list)):
            return value or None
        try:
            return loads(str(value))
        except MalformedJSON as error:
            raise ValidationError(str(error), code="malformed-json") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what to show in the box again: rejected text exactly as it was typed."""
        try:
            loads(str(data))
        except MalformedJSON:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)


class RateLimitFormField(StrictJSONFormField):
    """Text box for a rate limit. The word null means unlimited."""

    def to_python(self, value: Any) -> Any:
        # An empty box is rejected, so that clearing it by accident does not remove the limit.
        if value in ("", None):
            raise ValidationError("Write a limit, or null for unlimited.", code="empty")
        return super().to_python(value)

    def validate(self, value: Any) -> None:
        super().validate(value)
        validate_rate_limit(value)


class RateLimitField(models.JSONField):
    """Model field for `{"burst": n, "per_seconds": n}`, or null for unlimited. `full_clean` and every write check
    it.
    """

    description = "A rate limit"
    # Without this Django treats [], {} and "" as empty and does not validate them.
    empty_values = [None]

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        super().validate(value, model_instance)
        validate_rate_limit(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if isinstance(value, Limit):
            value = value.as_json()
        # Writes that skip `full_clean`, such as `QuerySet.update`, are checked here. Expressions (F, Case) are not
        # values yet, so they pass.
        if value is None or isinstance(value, (dict, list, str, int, float)):
            validate_rate_limit(value)
        return super().get_db_prep_save(value, connection)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": RateLimitFormField, **kwargs})
