"""Schemas of calls about deliveries, used only for the OpenAPI document."""

from typing import Final

from rest_framework import serializers

from api.schemas.fields import Shape, whole_number_field
from api.schemas.keys import readable_or
from events.event_filter import MAX_ID
from events.models import AttemptKind, AttemptOutcome
from events.types import EventType
from events.webhooks.next_delivery import TEST_TYPE
from events.webhooks.response_excerpt import MAX_CHARACTERS


class Delivery(Shape):
    """One attempt to deliver an event or a test."""

    id = whole_number_field(1, MAX_ID)
    kind = serializers.ChoiceField(AttemptKind.choices, help_text="Why it was made.")
    event_id = whole_number_field(1, MAX_ID, allow_null=True, help_text="null for a test.")
    event_type = serializers.ChoiceField([*EventType, TEST_TYPE])
    attempt = whole_number_field(
        1, allow_null=True, help_text="Counts the attempts of this event from 1; null if none was made."
    )
    outcome = serializers.ChoiceField(AttemptOutcome.values, help_text="Only a resend can be pending.")
    status = whole_number_field(100, 999, allow_null=True)
    error = serializers.CharField()
    at = serializers.DateTimeField(help_text="When it began, or when a pending one was requested.")
    duration_ms = whole_number_field(allow_null=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True, help_text="When a failed event is sent again.")


class DeliveryRequest(Shape):
    """The request of a delivery."""

    headers = serializers.DictField(
        child=serializers.CharField(), help_text="As sent, without signatures; empty if nothing was sent."
    )
    body = serializers.CharField(
        allow_null=True, help_text="As sent: the event. null if it is no longer in the event log."
    )


class WholeDelivery(Delivery):
    """A delivery with its request and response."""

    request = DeliveryRequest()
    response_body = serializers.CharField(
        max_length=MAX_CHARACTERS, help_text="The beginning of the response's body, without secrets."
    )


class DeliveryPage(Shape):
    """A page of deliveries."""

    items = Delivery(many=True)
    next = whole_number_field(
        1, MAX_ID, allow_null=True, help_text="Send it as `before` to get the next page; null on the last."
    )


class DeliveryReceipt(Shape):
    """A requested resend for a caller without `webhooks:read`."""

    id = whole_number_field(1, MAX_ID)


RESENT_DELIVERY: Final = readable_or("ResentDelivery", Delivery, DeliveryReceipt)
