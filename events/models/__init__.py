"""Database models of the app: the event log, webhook endpoints, and delivery attempts."""

from events.models.event_log import AppendOnlyError, ChainHead, Event, Patrol, Seal
from events.models.webhook import DisabledReason, WebhookEndpoint
from events.models.webhook_attempt import AttemptKind, AttemptOutcome, WebhookAttempt

__all__ = [
    "AppendOnlyError",
    "AttemptKind",
    "AttemptOutcome",
    "ChainHead",
    "DisabledReason",
    "Event",
    "Patrol",
    "Seal",
    "WebhookAttempt",
    "WebhookEndpoint",
]
