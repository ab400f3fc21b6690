"""The names of Latchkey's own metrics, as Prometheus sees them; docs/telemetry.md describes each."""

from typing import Final

RATE_LIMIT_ALLOWED: Final = "api_rate_limit_allowed_total"
RATE_LIMIT_THROTTLED: Final = "api_rate_limit_throttled_total"
AUTH_FAILURES: Final = "api_auth_failures_total"
EVENTS_EMITTED: Final = "events_emitted_total"
BUCKET_STORE_SECONDS: Final = "bucket_store_seconds"
BUCKET_STORE_ERRORS: Final = "bucket_store_errors_total"
FALLBACK_DECISIONS: Final = "bucket_store_fallback_decisions_total"
ON_FALLBACK: Final = "bucket_store_on_fallback"
EVENT_STREAMS_OPEN: Final = "event_streams_open"
GUARD_RAIL_VIOLATIONS: Final = "config_guardrail_violations_total"
HEALTH_DEGRADED: Final = "health_degraded"
KEY_DIRECTORY_LOOKUPS: Final = "key_directory_lookups_total"
WEBHOOK_DELIVERIES: Final = "webhook_deliveries_total"
