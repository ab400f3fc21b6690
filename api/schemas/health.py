"""Shapes of the calls about health, for the OpenAPI document only."""

from typing import Final

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from api.schemas.fields import KEY_ID, SOON, Shape, example, filled_text_field, whole_number_field
from health.guard_rails import BY_NAME, Severity
from health.local_health import Status
from health.waivers import MAX_DURATION
from ratelimit.stores.fallback_mode import FallbackMode

GUARD_RAIL_NAMES: Final = [(name, name) for name in BY_NAME]
READY: Final = [(status.value, status.value) for status in Status if status.is_ready]
UNREADY: Final = [(status.value, status.value) for status in Status if not status.is_ready]


class ReadyHealth(Shape):
    """The server takes requests."""

    status = serializers.ChoiceField(READY)


class UnreadyHealth(Shape):
    """The server takes no requests."""

    status = serializers.ChoiceField(UNREADY)


class Component(Shape):
    """A part of the server."""

    status = serializers.ChoiceField(READY)


class DatabaseComponent(Component):
    """The database."""

    vendor = serializers.ChoiceField(["sqlite", "postgresql"])


class KeyCacheComponent(Component):
    """The key cache."""

    stale_seconds = serializers.FloatField(help_text="Maximum age of a cached record that is used in an outage.")


class EventLogComponent(Component):
    """The event log."""

    verified_at = serializers.DateTimeField(allow_null=True)


class UsageComponent(Component):
    """Rows of usage. If there are more than `max_rows`, those of single keys by minute and hour are kept shorter."""

    rows = whole_number_field()
    max_rows = whole_number_field()
    minutes_since = serializers.DateTimeField(allow_null=True, help_text="If minutes are kept shorter: since when.")
    hours_since = serializers.DateTimeField(allow_null=True, help_text="If hours are kept shorter: since when.")


class Components(Shape):
    """The parts of the server."""

    database = DatabaseComponent()
    key_directory = KeyCacheComponent()
    bucket_store = Component()
    steward = Component()
    event_log = EventLogComponent()
    usage = UsageComponent()


class Incident(Shape):
    """A guard rail that is violated."""

    name = serializers.ChoiceField(GUARD_RAIL_NAMES)
    severity = serializers.ChoiceField(list(Severity))
    count = whole_number_field()
    since = serializers.DateTimeField()
    detail = serializers.CharField()
    remediation = serializers.CharField()


class RateLimitReport(Shape):
    """The bucket store, and the limits of all keys that are not revoked."""

    store = serializers.CharField()
    fallback = serializers.ChoiceField(list(FallbackMode))
    on_fallback = serializers.BooleanField()
    keys = whole_number_field()
    limited = whole_number_field()
    unlimited = whole_number_field()
    allowed_total = whole_number_field()
    throttled_total = whole_number_field()


class FullHealth(Shape):
    """The whole state of health."""

    status = serializers.ChoiceField(READY)
    version = serializers.CharField()
    revision = serializers.CharField()
    uptime_seconds = whole_number_field()
    degraded = serializers.ListField(child=serializers.CharField())
    components = Components()
    guard_rails = Incident(many=True)
    rate_limit = RateLimitReport()
    metrics = serializers.DictField(child=serializers.FloatField())


@extend_schema_serializer(
    examples=[
        example(
            "A month",
            {"guard_rail": "unused_key", "reason": "kept for the yearly export", "ends_at": SOON},
        )
    ]
)
class WaiverGrant(Shape):
    """What a waiver is granted with."""

    guard_rail = serializers.ChoiceField(GUARD_RAIL_NAMES)
    key_id = serializers.RegexField(KEY_ID, required=False, help_text="Only for this key. Default: for all.")
    reason = filled_text_field()
    ends_at = serializers.DateTimeField(help_text=f"In the future, within {MAX_DURATION.days} days.")


class Waiver(Shape):
    """A waiver."""

    id = whole_number_field(1)
    guard_rail = serializers.ChoiceField(GUARD_RAIL_NAMES)
    key_id = serializers.RegexField(KEY_ID, allow_null=True, help_text="null: for all keys.")
    reason = filled_text_field()
    ends_at = serializers.DateTimeField()
    granted_by = serializers.CharField()
    granted_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class WaiverList(Shape):
    """The waivers in force."""

    items = Waiver(many=True)
