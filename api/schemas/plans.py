"""Schemas of calls about plans, used only for the OpenAPI document. The rules are in `ratelimit.plan_limit`."""

from typing import Any, Final

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from api.schemas.fields import Shape, example, whole_number_field
from api.schemas.keys import readable_or
from ratelimit.limit import MAX_PER_SECONDS, MAX_PLAN_BURST
from ratelimit.periods import MAX_QUOTA, Per, Starts
from ratelimit.plan_limit import DEFAULT_UNIT, MAX_LIMITS, NAME_PATTERN, Mode, Shared
from ratelimit.slots import MAX_SLOTS

LIMIT_NAME: Final = f"^{NAME_PATTERN}$"
PERS: Final = [(per.value, per.value) for per in Per]
STARTS: Final = [(start.value, start.value) for start in Starts]
MODES: Final = [(mode.value, mode.value) for mode in Mode]
SHARED: Final = [(shared.value, shared.value) for shared in Shared]


def plan_name_field(**options: Any) -> serializers.RegexField:
    """Return a serializer field for the name of a plan."""
    return serializers.RegexField(LIMIT_NAME, **options)


def limit_name_field(**options: Any) -> serializers.RegexField:
    """Return a serializer field for the name of a limit, or of a unit."""
    return serializers.RegexField(LIMIT_NAME, **options)


def slots_field(**options: Any) -> serializers.IntegerField:
    """Return a serializer field for a number of slots."""
    return whole_number_field(1, MAX_SLOTS, **options)


class PlanRate(Shape):
    """A token bucket of a plan: `burst` tokens, which refill over `per_seconds`."""

    burst = whole_number_field(1, MAX_PLAN_BURST)
    per_seconds = whole_number_field(1, MAX_PER_SECONDS)


class Quota(Shape):
    """A quota: so many units in each period."""

    quota = whole_number_field(1, MAX_QUOTA)
    per = serializers.ChoiceField(PERS, help_text="once: it never starts again.")
    timezone = serializers.CharField(help_text="An IANA name. Periods begin at local midnight there.")
    starts = serializers.ChoiceField(STARTS, help_text="anchor: months count from the owner's period_anchor.")


class NewQuota(Quota):
    """A quota: so many units in each period."""

    timezone = serializers.CharField(required=False, help_text="An IANA name. Default: UTC.")
    starts = serializers.ChoiceField(STARTS, required=False, help_text="anchor is for months. Default: calendar.")


class PlanLimit(Shape):
    """A limit of a plan. It has exactly one of `rate`, `quota` and `concurrency`."""

    name = limit_name_field()
    unit = limit_name_field()
    mode = serializers.ChoiceField(MODES)
    shared = serializers.ChoiceField(SHARED)
    rate = PlanRate(required=False)
    quota = Quota(required=False)
    concurrency = slots_field(required=False)


class _NewLimit(Shape):
    name = limit_name_field(help_text="Unique in the plan; not key or address.")
    unit = limit_name_field(required=False, help_text=f"What it counts. Default: {DEFAULT_UNIT}.")
    mode = serializers.ChoiceField(MODES, required=False, help_text="observe never refuses. Default: enforce.")
    shared = serializers.ChoiceField(
        SHARED, required=False, help_text="owner: all keys of an owner share one counter. Default: key."
    )


class NewRateLimit(_NewLimit):
    """A limit that is a token bucket."""

    rate = PlanRate()


class NewQuotaLimit(_NewLimit):
    """A limit that is a quota."""

    quota = NewQuota()


class NewConcurrencyLimit(_NewLimit):
    """A limit on what is in progress at the same time."""

    concurrency = slots_field()


@extend_schema_field(
    PolymorphicProxySerializer(
        "NewPlanLimit", [NewRateLimit, NewQuotaLimit, NewConcurrencyLimit], resource_type_field_name=None
    )
)
class NewLimitField(serializers.JSONField):
    """One limit of a plan in a request."""


def new_limits_field(**options: Any) -> serializers.ListField:
    """Return a serializer field for the limits of a plan in a request."""
    return serializers.ListField(child=NewLimitField(), max_length=MAX_LIMITS, **options)


class Plan(Shape):
    """A plan: limits by name, for keys and owners that have it."""

    name = plan_name_field()
    limits = serializers.ListField(child=PlanLimit(), max_length=MAX_LIMITS)


_RATE: Final = {"name": "per_second", "rate": {"burst": 100, "per_seconds": 1}}
_MONTH: Final = {"quota": 1_000_000, "per": "month", "timezone": "Europe/Berlin"}


@extend_schema_serializer(
    examples=[
        example("Team", {"name": "team", "limits": [_RATE, {"name": "monthly", "shared": "owner", "quota": _MONTH}]})
    ]
)
class PlanCreate(Shape):
    """The fields of a new plan."""

    name = plan_name_field()
    limits = new_limits_field()


@extend_schema_serializer(examples=[example("Another rate", {"limits": [_RATE]})])
class PlanUpdate(Shape):
    """The fields of a plan that can be changed. Fields that are not sent stay."""

    limits = new_limits_field(required=False)


class PlanReceipt(PlanUpdate):
    """A changed plan for a caller without `plans:read`: the name, and the fields that the caller sent."""

    name = plan_name_field()


class PlanPage(Shape):
    """A page of plans."""

    items = Plan(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page; null on the last.")


CHANGED_PLAN: Final = readable_or("ChangedPlan", Plan, PlanReceipt)
