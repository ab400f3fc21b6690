"""The shapes of requests and answers, for the OpenAPI document only; the rules themselves stand in `validation`."""

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from apikeys.models import KeyState, SecretState
from apikeys.pages import DEFAULT_LIMIT, MAX_LIMIT, STATES
from apikeys.usage_report import STEPS
from apikeys.validation import DEFAULT_GRACE_SECONDS, MAX_GRACE_SECONDS
from events.types import EventType
from latchkey import headers
from latchkey.credentials import KEY_ID_PATTERN, SECRET_PATTERN
from latchkey.validation import MAX_TEXT
from ratelimit.limit import MAX_BURST, MAX_PER_SECONDS

EVENT_TYPES: Final = [(name.value, name.value) for name in EventType]

Shape = serializers.Serializer[Any]


class RateLimit(Shape):
    """A rate limit."""

    burst = serializers.IntegerField(min_value=1, max_value=MAX_BURST)
    per_seconds = serializers.IntegerField(min_value=1, max_value=MAX_PER_SECONDS)


class Secret(Shape):
    """A secret of a key, without the secret."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(SecretState.choices)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class Key(Shape):
    """A key."""

    key_id = serializers.RegexField(f"^{KEY_ID_PATTERN.pattern}$")
    label = serializers.CharField()  # type: ignore[assignment]
    owner = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    rate_limit = RateLimit(allow_null=True)
    enabled = serializers.BooleanField()
    state = serializers.ChoiceField(KeyState.choices)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    metadata = serializers.JSONField()
    secrets = Secret(many=True)


class IssuedKey(Key):
    """A key with its new secret."""

    secret = serializers.RegexField(f"^{SECRET_PATTERN.pattern}$")
    credential = serializers.CharField()


class KeyPage(Shape):
    """A page of keys."""

    items = Key(many=True)
    next = serializers.CharField(allow_null=True)


class KeyCreate(Shape):
    """What a key is issued with."""

    label = serializers.CharField(max_length=MAX_TEXT)  # type: ignore[assignment]
    owner = serializers.CharField(max_length=MAX_TEXT, required=False)
    scopes = serializers.ListField(child=serializers.CharField(), required=False)
    rate_limit = RateLimit(allow_null=True, required=False)
    expires_at = serializers.DateTimeField(allow_null=True, required=False)
    metadata = serializers.JSONField(required=False)


class KeyUpdate(KeyCreate):
    """What can be changed of a key."""

    label = serializers.CharField(max_length=MAX_TEXT, required=False)
    enabled = serializers.BooleanField(required=False)


class Rotate(Shape):
    """How long the old secret works on."""

    grace_seconds = serializers.IntegerField(
        min_value=0, max_value=MAX_GRACE_SECONDS, default=DEFAULT_GRACE_SECONDS, required=False
    )


class Usage(Shape):
    """Requests within one step."""

    start = serializers.DateTimeField()
    allowed = serializers.IntegerField()
    throttled = serializers.IntegerField()


class Event(Shape):
    """Something that happened."""

    id = serializers.IntegerField()
    type = serializers.ChoiceField(EVENT_TYPES)
    at = serializers.DateTimeField()
    actor = serializers.CharField(help_text="key:lk_…, user:NAME, command:NAME or system")
    request_id = serializers.CharField()
    key_id = serializers.CharField(allow_null=True)
    data = serializers.JSONField()  # type: ignore[assignment]
    digest = serializers.RegexField(r"^[0-9a-f]{64}$")


class EventPage(Shape):
    """A page of events."""

    items = Event(many=True)
    next = serializers.IntegerField(allow_null=True)


class WhoAmI(Shape):
    """The caller."""

    key_id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    owner = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    rate_limit = RateLimit(allow_null=True)
    remaining = serializers.IntegerField(allow_null=True)
    request_id = serializers.CharField()


def effective_by(status: int) -> OpenApiParameter:
    """The field of an answer that tells from when on a change holds everywhere."""
    return OpenApiParameter(
        headers.LATCHKEY_EFFECTIVE_BY,
        OpenApiTypes.DATETIME,
        OpenApiParameter.HEADER,
        response=[status],
        description="The time from which no node can act any more on what the change replaced.",
    )


PAGE_PARAMETERS = [
    OpenApiParameter("cursor", OpenApiTypes.STR, description="The `next` of an earlier page."),
    OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {MAX_LIMIT}, default {DEFAULT_LIMIT}."),
    OpenApiParameter("q", OpenApiTypes.STR, description="Begins the key id, or words of the label or the owner."),
    OpenApiParameter("state", OpenApiTypes.STR, enum=list(STATES)),
]
USAGE_PARAMETERS = [
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="Default: a day before `until`."),
    OpenApiParameter("until", OpenApiTypes.DATETIME, description="Default: now."),
    OpenApiParameter("step", OpenApiTypes.STR, enum=list(STEPS), description="Default: hour."),
]
