"""Request and response schemas of /v1/reservations, for the OpenAPI document only. `gateway.reserve` has the rules."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from api.schemas.fields import Shape, example, whole_number_field
from gateway.reserve import MAX_TTL_SECONDS
from gateway.schemas import LIMIT_NAME, PlanLimitState, VerifyRequest, VerifyResponse
from ratelimit.claim import MAX_COST
from ratelimit.limit import MAX_BURST

RESERVATION_ID = "^res_[0-9a-z]{12}_[0-9A-Za-z]{22}$"


def _ttl_field() -> serializers.IntegerField:
    return whole_number_field(1, MAX_TTL_SECONDS, help_text="Seconds from now until it expires.")


def _cost_field() -> serializers.IntegerField:
    return whole_number_field(0, MAX_BURST, required=False, help_text="Cost in requests. Default: 1.")


def _costs_field() -> serializers.DictField:
    text = "Costs in other units, by unit. Each must be a unit of some plan. A unit that isn't named costs nothing."
    return serializers.DictField(child=whole_number_field(0, MAX_COST), required=False, help_text=text)


@extend_schema_serializer(
    examples=[
        example("One request", {"credential": "lk_0123456789ab:lks_…", "ttl_seconds": 60}),
        example("An estimate", {"credential": "lk_0123456789ab:lks_…", "costs": {"requests": 2}, "ttl_seconds": 600}),
    ]
)
class ReserveRequest(VerifyRequest):
    """A credential to verify, and the estimated costs of the work."""

    cost = _cost_field()
    costs = _costs_field()
    ttl_seconds = _ttl_field()


@extend_schema_serializer(component_name="Reservation")
class Reserved(VerifyResponse):
    """A reservation, and the verdict about the credential."""

    reservation = serializers.RegexField(RESERVATION_ID)
    expires_at = serializers.DateTimeField()
    limits = PlanLimitState(many=True, help_text="The limits of the key's plan; empty if it has none.")


@extend_schema_serializer(component_name="NoReservation")
class NotReserved(VerifyResponse):
    """The verdict about a credential for which nothing was reserved."""

    reservation = serializers.RegexField(RESERVATION_ID, allow_null=True, help_text="Always null.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Always null.")
    limits = PlanLimitState(many=True, help_text="The limits of the key's plan; empty if it has none.")


@extend_schema_serializer(examples=[example("What the work cost", {"costs": {"requests": 1}})])
class SettleRequest(Shape):
    """The actual costs of the work."""

    cost = _cost_field()
    costs = _costs_field()


class SettledLimit(Shape):
    """What a settlement did with one limit, in its unit."""

    name = serializers.RegexField(LIMIT_NAME)
    unit = serializers.RegexField(LIMIT_NAME, allow_null=True, help_text="null: the key no longer has this limit.")
    reserved = whole_number_field(help_text="The estimate.")
    cost = whole_number_field(help_text="The actual cost.")
    charged = whole_number_field(help_text="What was charged in addition to the estimate.")
    returned = whole_number_field(help_text="What was given back of the estimate.")
    forgiven = whole_number_field(help_text="What was not charged, because the debt of a rate ends at a bound.")
    used = whole_number_field(
        allow_null=True, help_text="What is used of the limit after it. null: its counter was replaced meanwhile."
    )


@extend_schema_serializer(component_name="ReservationSettlement")
class Settlement(Shape):
    """How a reservation was settled."""

    reservation = serializers.RegexField(RESERVATION_ID)
    settled_at = serializers.DateTimeField()
    limits = SettledLimit(many=True)


@extend_schema_serializer(examples=[example("Ten more minutes", {"ttl_seconds": 600})])
class ExtendRequest(Shape):
    """For how long the reservation is still needed."""

    ttl_seconds = _ttl_field()


@extend_schema_serializer(component_name="ReservationExtension")
class Extension(Shape):
    """The new end of a reservation."""

    reservation = serializers.RegexField(RESERVATION_ID)
    expires_at = serializers.DateTimeField()
