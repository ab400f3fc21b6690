"""Schemas of calls about the limits of keys and owners, and about overrides, for the OpenAPI document only."""

from typing import Final

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from api.schemas.fields import KEY_ID, SOON, Shape, example, filled_text_field, text_field, whole_number_field
from api.schemas.keys import Key, readable_or
from api.schemas.owners import slug_field
from api.schemas.plans import MODES, SHARED, PlanRate, limit_name_field, slots_field
from ratelimit.claim import MAX_COST
from ratelimit.periods import MAX_QUOTA


class LimitState(Shape):
    """A limit, and what is used of it now."""

    name = limit_name_field(help_text="key: the key's `rate_limit`.")
    unit = limit_name_field()
    mode = serializers.ChoiceField(MODES, help_text="observe: counts and never refuses.")
    shared = serializers.ChoiceField(SHARED, help_text="owner: all keys of the owner share the counter.")
    limit = whole_number_field(1, help_text="After overrides.")
    used = whole_number_field(allow_null=True, help_text="null: it can't be read now.")
    remaining = whole_number_field(allow_null=True)
    resets_at = serializers.DateTimeField(
        allow_null=True,
        help_text="End of the quota's period, or when the bucket is full. null: never, or it is full.",
    )


class LimitStates(Shape):
    """Limits, and what is used of them now."""

    limits = LimitState(many=True)


class ShownKey(Key):
    """A key with its limits. Lists don't have them, because they are read from the bucket store for each key."""

    limits = LimitState(many=True)


@extend_schema_serializer(
    examples=[
        example("Give units back", {"add": -500, "reason": "outage on Monday"}),
        example("Set", {"used": 0, "reason": "a new trial"}),
    ]
)
class Adjustment(Shape):
    """A change of what is used of a limit: either `used` or `add`."""

    used = whole_number_field(0, MAX_COST, required=False, help_text="What is used after the change.")
    add = whole_number_field(-MAX_COST, MAX_COST, required=False, help_text="What is added to it; negative gives back.")
    reason = filled_text_field()


class LimitReceipt(Shape):
    """An adjusted limit for a caller that may not read it."""

    name = limit_name_field()


ADJUSTED_LIMIT: Final = readable_or("AdjustedLimit", LimitState, LimitReceipt)


class Override(Shape):
    """An override: another amount of one limit, for a key or an owner, until a moment."""

    id = whole_number_field(1)
    key_id = serializers.RegexField(KEY_ID, allow_null=True)
    owner = slug_field(allow_null=True)
    limit = limit_name_field()
    rate = PlanRate(required=False)
    quota = whole_number_field(1, MAX_QUOTA, required=False)
    concurrency = slots_field(required=False)
    until = serializers.DateTimeField()
    reason = text_field()
    granted_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(
    examples=[
        example(
            "Twice as much for an owner",
            {"owner": "acme", "limit": "monthly", "quota": 2_000_000, "until": SOON, "reason": "launch week"},
        )
    ]
)
class OverrideCreate(Shape):
    """The fields of a new override: a key or an owner, and one amount, of the kind that the limit has."""

    key_id = serializers.RegexField(KEY_ID, required=False)
    owner = slug_field(required=False)
    limit = limit_name_field()
    rate = PlanRate(required=False)
    quota = whole_number_field(1, MAX_QUOTA, required=False)
    concurrency = slots_field(required=False)
    until = serializers.DateTimeField(help_text="In the future.")
    reason = text_field(required=False)


class OverridePage(Shape):
    """A page of overrides."""

    items = Override(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page; null on the last.")
