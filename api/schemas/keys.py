"""Schemas of requests and responses, used only for the OpenAPI document. The rules themselves are in `validation`.

A test sends values on both sides of every bound, so schemas and rules cannot diverge.
"""

from typing import Any, Final

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_serializer
from rest_framework import serializers

from api.schemas.fields import (
    EVENT_TYPES,
    KEY_ID,
    Shape,
    example,
    filled_text_field,
    grace_field,
    scopes_field,
    text_field,
    whole_number_field,
)
from apikeys.callers.caller import MAX_VALUE
from apikeys.models import CallerKind, KeyState, SecretState
from apikeys.validation import MAX_METADATA_BYTES, MAX_SECRET_ID
from latchkey.credentials import KEY_ID_PATTERN, SECRET_PATTERN
from latchkey.identity import MAX_OWNER_BYTES
from latchkey.rotation import DEFAULT_GRACE_SECONDS, MAX_GRACE_SECONDS
from ratelimit.limit import MAX_BURST, MAX_PER_SECONDS
from ratelimit.plan_limit import NAME_PATTERN

_NO_LIMIT: Final = "null: only plans limit the key."


def whole_credential_field(separator: str, *, required: bool = True) -> serializers.RegexField:
    """Return the field of a new credential: the key ID and the secret, with a regular expression between them."""
    pattern = f"^{KEY_ID_PATTERN.pattern}{separator}{SECRET_PATTERN.pattern}$"
    return serializers.RegexField(pattern, required=required)


class RateLimit(Shape):
    """A token bucket: `burst` tokens, which refill over `per_seconds`."""

    burst = serializers.IntegerField(min_value=1, max_value=MAX_BURST)
    per_seconds = serializers.IntegerField(min_value=1, max_value=MAX_PER_SECONDS)


def plan_field(**options: Any) -> serializers.RegexField:
    """Return the field of a key's own plan."""
    text = "Name of the key's own plan. null: none, so that of its owner applies, if there is one."
    return serializers.RegexField(f"^{NAME_PATTERN}$", allow_null=True, help_text=text, **options)


class Secret(Shape):
    """A secret of a key, without its text."""

    id = whole_number_field(1)
    state = serializers.ChoiceField(SecretState.choices)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    first_used_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class Key(Shape):
    """A key."""

    key_id = serializers.RegexField(KEY_ID)
    label = filled_text_field()  # type: ignore[assignment]
    owner = text_field()
    scopes = scopes_field()
    rate_limit = RateLimit(allow_null=True, help_text=_NO_LIMIT)
    plan = plan_field()
    enabled = serializers.BooleanField()
    state = serializers.ChoiceField(KeyState.choices)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    metadata = serializers.DictField()
    secrets = Secret(many=True)


class IssuedKey(Key):
    """A key with its new secret, which no other response shows."""

    secret = serializers.RegexField(f"^{SECRET_PATTERN.pattern}$")
    credential = whole_credential_field(":")
    bearer_credential = whole_credential_field(r"\.")


class CreatedKey(IssuedKey):
    """A new key. The response to a repeated Idempotency-Key does not contain its secret."""

    secret = serializers.RegexField(f"^{SECRET_PATTERN.pattern}$", required=False)
    credential = whole_credential_field(":", required=False)
    bearer_credential = whole_credential_field(r"\.", required=False)


class KeyPage(Shape):
    """A page of keys."""

    items = Key(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page; null on the last.")


@extend_schema_serializer(
    examples=[
        example(
            "A key for a worker",
            {
                "label": "billing worker",
                "owner": "payments",
                "scopes": ["orders:read"],
                "rate_limit": {"burst": 60, "per_seconds": 60},
                "expires_at": "2099-12-31T00:00:00Z",
                "metadata": {"team": "payments"},
            },
        ),
        example("Unlimited, without an end", {"label": "nightly job", "rate_limit": None, "expires_at": None}),
    ]
)
class KeyCreate(Shape):
    """The fields of a new key."""

    label = filled_text_field()  # type: ignore[assignment]
    owner = text_field(
        required=False, help_text=f"At most {MAX_OWNER_BYTES} bytes, percent-encoded as in X-Latchkey-Owner."
    )
    scopes = scopes_field(required=False)
    rate_limit = RateLimit(
        allow_null=True, required=False, help_text="null: only plans limit the key. Default: DEFAULT_RATE_LIMIT."
    )
    expires_at = serializers.DateTimeField(allow_null=True, required=False, help_text="In the future.")
    metadata = serializers.DictField(required=False, help_text=f"At most {MAX_METADATA_BYTES} bytes as JSON.")
    plan = plan_field(required=False)


@extend_schema_serializer(
    examples=[
        example("Another limit", {"rate_limit": {"burst": 10, "per_seconds": 60}}),
        example("Disabled", {"enabled": False}),
    ]
)
class KeyUpdate(KeyCreate):
    """The fields of a key that can be changed. Fields that are not sent stay."""

    label = filled_text_field(required=False)
    rate_limit = RateLimit(allow_null=True, required=False, help_text=_NO_LIMIT)
    enabled = serializers.BooleanField(required=False)


class KeyReceipt(KeyUpdate):
    """A changed key for a caller without `keys:read`: the id, and the fields that the caller sent."""

    key_id = serializers.RegexField(KEY_ID)


class RotationReceipt(Shape):
    """A new secret for a caller without `keys:read`."""

    key_id = serializers.RegexField(KEY_ID)
    secret = serializers.RegexField(f"^{SECRET_PATTERN.pattern}$")
    credential = whole_credential_field(":")
    bearer_credential = whole_credential_field(r"\.")


def readable_or(name: str, full: type[Shape], receipt: type[Shape]) -> PolymorphicProxySerializer:
    """Return the schema of a call's response: `receipt` applies to a caller that may not read what it changed."""
    return PolymorphicProxySerializer(name, [full, receipt], resource_type_field_name=None)


CHANGED_KEY: Final = readable_or("ChangedKey", Key, KeyReceipt)
ROTATED_KEY: Final = readable_or("RotatedKey", IssuedKey, RotationReceipt)


@extend_schema_serializer(examples=[example("One hour", {"grace_seconds": 3600})])
class Rotate(Shape):
    """How long the old secret still works."""

    grace_seconds = grace_field(MAX_GRACE_SECONDS, DEFAULT_GRACE_SECONDS)


@extend_schema_serializer(examples=[example("Whichever secret is retiring", {})])
class Finish(Shape):
    """The secret that is to end."""

    secret_id = whole_number_field(
        1,
        MAX_SECRET_ID,
        required=False,
        help_text="Rejected (412) if another secret is retiring. Default: any.",
    )


class UnitUsage(Shape):
    """What was charged in one unit within one step, and what of that was given back."""

    charged = whole_number_field()
    returned = whole_number_field(help_text="By reservations that cost less than their estimate, or were cancelled.")


class Usage(Shape):
    """Use within one step."""

    start = serializers.DateTimeField()
    allowed = whole_number_field(help_text="Requests.")
    throttled = whole_number_field(help_text="Requests.")
    units = serializers.DictField(
        child=UnitUsage(), required=False, help_text="By unit other than requests; absent if there were no such costs."
    )


class KeyCaller(Shape):
    """A client address or a service that uses a key."""

    kind = serializers.ChoiceField(CallerKind.choices)
    value = serializers.CharField(
        max_length=MAX_VALUE, help_text="An IP address or an IPv6 /64 network; or a host, a product or a verifying key."
    )
    requests = whole_number_field(1, help_text="An estimate.")
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()


class Event(Shape):
    """Something that happened."""

    id = whole_number_field(1)
    type = serializers.ChoiceField(EVENT_TYPES)
    at = serializers.DateTimeField()
    actor = serializers.CharField(help_text="key:lk_…, user:NAME, command:NAME or system")
    request_id = serializers.CharField()
    key_id = serializers.RegexField(KEY_ID, allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]
    digest = serializers.RegexField(r"^[0-9a-f]{64}$")


class EventPage(Shape):
    """A page of events."""

    items = Event(many=True)
    next = whole_number_field(1, allow_null=True, help_text="The `after` of the next page; null if there is none now.")


class WhoAmI(Shape):
    """The calling key."""

    key_id = serializers.RegexField(KEY_ID)
    label = filled_text_field()  # type: ignore[assignment]
    owner = text_field()
    scopes = scopes_field()
    rate_limit = RateLimit(allow_null=True)
    remaining = whole_number_field(allow_null=True, help_text="Tokens in the bucket; null for an unlimited key.")
    request_id = serializers.CharField()
