"""Schemas of calls about webhooks, used only for the OpenAPI document. The rules are in `events.webhooks`."""

from typing import Final

from django.conf import settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from api.schemas.fields import EVENT_TYPES, Shape, example, grace_field, text_field, whole_number_field
from api.schemas.keys import readable_or
from events.models import DisabledReason
from events.types import EventType
from events.webhooks.next_delivery import MAX_PENDING
from events.webhooks.service import MAX_ENDPOINTS
from events.webhooks.validation import MAX_URL
from latchkey.rotation import DEFAULT_GRACE_SECONDS, MAX_GRACE_SECONDS

WEBHOOK_ID: Final = r"^wh_[0-9a-z]{12}$"
SIGNING: Final = r"^whsec_[0-9A-Za-z+/]{43}=$"
_NAME: Final = r"([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}"
_PORT: Final = r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
_SCHEME: Final = "https?" if settings.WEBHOOK_ALLOWED_NETWORKS else "https"
URL: Final = rf'^{_SCHEME}://({_NAME}|\[[0-9A-Fa-f:.]+\]){_PORT}([/?][!"$-~]*)?$'


class WebhookSecret(Shape):
    """A signing secret, without its text."""

    state = serializers.ChoiceField(["active", "retiring"])
    expires_at = serializers.DateTimeField(allow_null=True)


class WebhookDelivery(Shape):
    """The progress of delivery."""

    delivered_through = whole_number_field(help_text="ID of the last event that needs no more delivery.")
    pending = whole_number_field(0, MAX_PENDING, help_text="1000 means 1000 or more.")
    failures = whole_number_field(help_text="Consecutive failures.")
    failing_since = serializers.DateTimeField(allow_null=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    last_attempt_at = serializers.DateTimeField(allow_null=True)
    last_status = whole_number_field(100, 999, allow_null=True)
    last_error = serializers.CharField()


class WebhookTest(Shape):
    """The result of the last test delivery."""

    at = serializers.DateTimeField()
    status = whole_number_field(100, 999, allow_null=True)
    error = serializers.CharField()


class Webhook(Shape):
    """An endpoint that events are sent to."""

    id = serializers.RegexField(WEBHOOK_ID)
    url = serializers.CharField(max_length=MAX_URL)
    label = text_field()  # type: ignore[assignment]
    event_types = serializers.ListField(child=serializers.ChoiceField(EVENT_TYPES))
    enabled = serializers.BooleanField()
    disabled_reason = serializers.ChoiceField([reason.value for reason in DisabledReason])
    created_at = serializers.DateTimeField()
    secrets = WebhookSecret(many=True)
    delivery = WebhookDelivery()
    last_test = WebhookTest(allow_null=True)


class IssuedWebhook(Webhook):
    """An endpoint with its new secret, which no other response shows."""

    secret = serializers.RegexField(SIGNING)


class CreatedWebhook(IssuedWebhook):
    """A new endpoint. The response to a repeated Idempotency-Key does not contain its secret."""

    secret = serializers.RegexField(SIGNING, required=False)


class WebhookList(Shape):
    """All endpoints."""

    items = serializers.ListField(child=Webhook(), max_length=MAX_ENDPOINTS)


@extend_schema_serializer(
    examples=[
        example(
            "Rotations and revocations",
            {"url": "https://hooks.example.com/keys", "label": "audit", "event_types": ["KeyRotated", "KeyRevoked"]},
        )
    ]
)
class WebhookCreate(Shape):
    """The fields of a new endpoint."""

    url = serializers.RegexField(
        URL,
        max_length=MAX_URL,
        help_text="https://, without user name, password or fragment. http:// if WEBHOOK_ALLOWED_NETWORKS is set.",
    )
    label = text_field(required=False)  # type: ignore[assignment]
    event_types = serializers.ListField(
        child=serializers.ChoiceField(EVENT_TYPES), max_length=len(EventType), required=False, help_text="Empty: all."
    )
    enabled = serializers.BooleanField(required=False)


@extend_schema_serializer(examples=[example("Disabled", {"enabled": False})])
class WebhookUpdate(WebhookCreate):
    """The fields of an endpoint that can be changed. Fields that are not sent stay."""

    url = serializers.RegexField(URL, max_length=MAX_URL, required=False)


@extend_schema_serializer(examples=[example("One hour", {"grace_seconds": 3600})])
class WebhookRotate(Shape):
    """How long the old secret still signs next to the new one."""

    grace_seconds = grace_field(MAX_GRACE_SECONDS, DEFAULT_GRACE_SECONDS)


class WebhookReceipt(WebhookUpdate):
    """A changed webhook for a caller without `webhooks:read`: the id, and the fields that the caller sent."""

    id = serializers.RegexField(WEBHOOK_ID)


class WebhookSecretReceipt(Shape):
    """A new signing secret for a caller without `webhooks:read`."""

    id = serializers.RegexField(WEBHOOK_ID)
    secret = serializers.RegexField(SIGNING)


CHANGED_WEBHOOK: Final = readable_or("ChangedWebhook", Webhook, WebhookReceipt)
ROTATED_WEBHOOK: Final = readable_or("RotatedWebhook", IssuedWebhook, WebhookSecretReceipt)
