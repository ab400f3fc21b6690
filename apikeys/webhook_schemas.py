"""The shapes of calls about webhooks, for the OpenAPI document only; the rules stand in `events.webhooks`."""

from rest_framework import serializers

from apikeys.schemas import EVENT_TYPES, Shape
from events.webhooks.assignment import MAX_PENDING
from events.webhooks.models import DisabledReason
from events.webhooks.validation import DEFAULT_GRACE_SECONDS, MAX_GRACE_SECONDS, MAX_URL
from latchkey.validation import MAX_TEXT


class WebhookSecret(Shape):
    """A signing secret, without the secret."""

    state = serializers.ChoiceField(["active", "retiring"])
    expires_at = serializers.DateTimeField(allow_null=True)


class WebhookDelivery(Shape):
    """How far delivery has got."""

    delivered_through = serializers.IntegerField(help_text="The id of the last event that is done with.")
    pending = serializers.IntegerField(max_value=MAX_PENDING, help_text="1000 means 1000 or more.")
    failures = serializers.IntegerField(help_text="In a row.")
    failing_since = serializers.DateTimeField(allow_null=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    last_attempt_at = serializers.DateTimeField(allow_null=True)
    last_status = serializers.IntegerField(allow_null=True)
    last_error = serializers.CharField()


class WebhookTest(Shape):
    """What came of the last test delivery."""

    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()


class Webhook(Shape):
    """An endpoint that events are sent to."""

    id = serializers.RegexField(r"^wh_[0-9a-z]{12}$")
    url = serializers.CharField(help_text="Its origin alone, for keys without webhooks:read.")
    label = serializers.CharField()  # type: ignore[assignment]
    event_types = serializers.ListField(child=serializers.ChoiceField(EVENT_TYPES))
    enabled = serializers.BooleanField()
    disabled_reason = serializers.ChoiceField([reason.value for reason in DisabledReason])
    created_at = serializers.DateTimeField()
    secrets = WebhookSecret(many=True)
    delivery = WebhookDelivery()
    last_test = WebhookTest(allow_null=True)


class IssuedWebhook(Webhook):
    """An endpoint with its new secret."""

    secret = serializers.RegexField(r"^whsec_[0-9A-Za-z+/]{43}=$")


class WebhookList(Shape):
    """All endpoints."""

    items = Webhook(many=True)


class WebhookCreate(Shape):
    """What an endpoint is made with."""

    url = serializers.URLField(max_length=MAX_URL)
    label = serializers.CharField(max_length=MAX_TEXT, required=False)  # type: ignore[assignment]
    event_types = serializers.ListField(
        child=serializers.ChoiceField(EVENT_TYPES), required=False, help_text="Empty: all."
    )
    enabled = serializers.BooleanField(required=False)


class WebhookUpdate(WebhookCreate):
    """What can be changed of an endpoint."""

    url = serializers.URLField(max_length=MAX_URL, required=False)


class WebhookRotate(Shape):
    """How long the old secret signs beside the new one."""

    grace_seconds = serializers.IntegerField(
        min_value=0, max_value=MAX_GRACE_SECONDS, default=DEFAULT_GRACE_SECONDS, required=False
    )
