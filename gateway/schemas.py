"""Request and response schemas of /v1/verify, for the OpenAPI document only. `gateway.verify` has the rules."""

from typing import Final

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from api.schemas.fields import (
    KEY_ID,
    STORABLE,
    Shape,
    example,
    filled_text_field,
    scopes_field,
    text_field,
    whole_number_field,
)
from apikeys.validation import MAX_SCOPES
from gateway.verify import Code
from ratelimit.claim import MAX_COST
from ratelimit.limit import MAX_BURST, MAX_PER_SECONDS
from ratelimit.plan_limit import NAME_PATTERN, Mode

LIMIT_NAME: Final = f"^{NAME_PATTERN}$"


@extend_schema_serializer(
    examples=[
        example("One scope", {"credential": "lk_0123456789ab:lks_…", "scopes": ["orders:read"]}),
        example("A costly request", {"credential": "lk_0123456789ab:lks_…", "cost": 5}),
        example("Costs in two units", {"credential": "lk_0123456789ab:lks_…", "costs": {"requests": 2}}),
    ]
)
class VerifyRequest(Shape):
    """A credential to verify."""

    credential = serializers.RegexField(
        STORABLE, help_text="key_id:secret or key_id.secret, as the service received it."
    )
    scopes = serializers.ListField(
        child=serializers.RegexField(STORABLE),
        max_length=MAX_SCOPES,
        required=False,
        help_text="The key needs all of them.",
    )
    cost = whole_number_field(1, MAX_BURST, required=False, help_text="Tokens to take. Default: 1.")
    costs = serializers.DictField(
        child=whole_number_field(0, MAX_COST),
        required=False,
        help_text="Costs in other units of the key's plan, by unit. Each must be a unit of some plan.",
    )


class RemainingLimit(Shape):
    """What is left of the key's rate limit."""

    limit = whole_number_field(1, MAX_BURST)
    per_seconds = whole_number_field(1, MAX_PER_SECONDS, help_text="Seconds in which an empty bucket refills.")
    remaining = whole_number_field()
    next_token_seconds = whole_number_field(help_text="Seconds until one more token; 0 if the bucket is full.")
    reset_seconds = whole_number_field(help_text="Seconds until the bucket is full.")


class PlanLimitState(Shape):
    """What is left of a limit of the key's plan. The last three are null if the request has no cost in its unit."""

    name = serializers.RegexField(LIMIT_NAME)
    unit = serializers.RegexField(LIMIT_NAME)
    mode = serializers.ChoiceField(list(Mode), help_text="A limit with observe refuses nothing.")
    limit = whole_number_field(1, MAX_COST, help_text="Burst of a rate, or the units of a quota.")
    per_seconds = whole_number_field(
        1, MAX_PER_SECONDS, allow_null=True, help_text="A month counts as 30 days. Null if a quota never starts again."
    )
    remaining = whole_number_field(allow_null=True)
    next_token_seconds = whole_number_field(
        allow_null=True, help_text="Seconds until there is more; for a quota, until its period ends."
    )
    reset_seconds = whole_number_field(allow_null=True, help_text="Seconds until all of it is available.")


@extend_schema_serializer(component_name="Verdict")
class VerifyResponse(Shape):
    """The verdict. If the credential is invalid or its key isn't active, all fields but `valid` and `code` are null."""

    valid = serializers.BooleanField()
    code = serializers.ChoiceField(list(Code))
    key_id = serializers.RegexField(KEY_ID, allow_null=True)
    label = filled_text_field(allow_null=True)  # type: ignore[assignment]
    owner = text_field(allow_null=True)
    scopes = scopes_field(allow_null=True)
    metadata = serializers.DictField(allow_null=True)
    rate_limit = RemainingLimit(allow_null=True, help_text="Also null for an unlimited key.")
    retry_after = whole_number_field(1, allow_null=True, help_text="Seconds. Only with RATE_LIMITED.")
    limits = PlanLimitState(many=True, required=False, help_text="Only if the key has a plan with limits.")
    violated_policies = serializers.ListField(
        child=serializers.RegexField(LIMIT_NAME),
        required=False,
        help_text="Only if the key has a plan with limits: the limits that refused the request.",
    )
