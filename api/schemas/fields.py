"""Fields of the OpenAPI document, with the same bounds as the validation rules."""

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers

from apikeys.idempotency import MAX_NAME
from apikeys.validation import MAX_SCOPE_LENGTH, MAX_SCOPES, SCOPE_PATTERN
from events.types import EventType
from latchkey import headers
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.identity import MAX_SCOPES_BYTES
from latchkey.validation import MAX_TEXT

EVENT_TYPES: Final = [(name.value, name.value) for name in EventType]
KEY_ID: Final = f"^{KEY_ID_PATTERN.pattern}$"
_NO_CONTROLS: Final = r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]"
# The rule of strict JSON: no NUL. Half a surrogate pair is not text either.
STORABLE: Final = r"^[^\u0000]*$"
TEXT: Final = f"^{_NO_CONTROLS}*$"
# The characters of `latchkey.blank_text` with four hex digits. Longer ones are written differently in the regular
# expressions of each language.
_INVISIBLE: Final = (
    r"\s\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
NOT_BLANK: Final = f"^{_NO_CONTROLS}*[^{_INVISIBLE}]{_NO_CONTROLS}*$"

SOON: Final = "SOON"
"""Placeholder in an example for a time 31 to 62 days ahead. `api.openapi` replaces it."""

Shape = serializers.Serializer[Any]


def text_field(**options: Any) -> serializers.CharField:
    """Return a serializer field for a text that may be empty."""
    return serializers.RegexField(TEXT, max_length=MAX_TEXT, **options)


def filled_text_field(**options: Any) -> serializers.CharField:
    """Return a serializer field for a text that is not empty."""
    return serializers.RegexField(NOT_BLANK, min_length=1, max_length=MAX_TEXT, **options)


def scopes_field(**options: Any) -> serializers.ListField:
    """Return a serializer field for the scopes of a key."""
    scope = serializers.RegexField(SCOPE_PATTERN, max_length=MAX_SCOPE_LENGTH)
    text = f"At most {MAX_SCOPES_BYTES} characters in total, including a space between scopes."
    return serializers.ListField(child=scope, max_length=MAX_SCOPES, help_text=text, **options)


def whole_number_field(least: int = 0, most: int | None = None, **options: Any) -> serializers.IntegerField:
    """Return a serializer field for an integer from `least` to `most` (None: no maximum)."""
    return serializers.IntegerField(min_value=least, max_value=most, **options)


def grace_field(most: int, default: int) -> serializers.IntegerField:
    """Return a serializer field for the seconds for which an old secret still works."""
    text = f"0 ends every older secret immediately. Default: {default}."
    return whole_number_field(0, most, required=False, help_text=text)


def example(name: str, value: dict[str, Any]) -> OpenApiExample:
    """Return an example of a request for the OpenAPI document. A test sends it to the API."""
    return OpenApiExample(name, value=value, request_only=True)


def response_field(name: str, status: int, description: str, type: OpenApiTypes = OpenApiTypes.STR) -> OpenApiParameter:
    """Return a header field of the response with this status."""
    return OpenApiParameter(name, type, OpenApiParameter.HEADER, response=[status], description=description)


def effective_by_field(status: int) -> OpenApiParameter:
    """Return the header field with the time from which a change applies everywhere."""
    text = "Time from which the change applies on every node."
    return response_field(headers.LATCHKEY_EFFECTIVE_BY, status, text, OpenApiTypes.DATETIME)


def etag_field(status: int) -> OpenApiParameter:
    """Return the header field that identifies the state that a response shows."""
    return response_field(headers.ETAG, status, "Changes with every change of the resource. For If-Match.")


IF_MATCH: Final = OpenApiParameter(
    headers.IF_MATCH,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="ETag of an earlier response. If the resource has changed since, the request is rejected (412).",
)
IDEMPOTENCY_KEY: Final = OpenApiParameter(
    headers.IDEMPOTENCY_KEY,
    {"type": "string", "pattern": f"^[\\x21-\\x7e]{{1,{MAX_NAME}}}$"},
    OpenApiParameter.HEADER,
    description="Unique name for this request, for example a UUID. A repeat within 24 hours returns the same resource "
    "again, without its secret. A repeat with another body is rejected (422).",
)
