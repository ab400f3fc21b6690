"""Database models of the app: the event log, and webhook endpoints."""

from events.models.event_log import AppendOnlyError, ChainHead, Event, Patrol, Seal
from events.models.webhook import DisabledReason, WebhookEndpoint

__all__ = ["AppendOnlyError", "ChainHead", "DisabledReason", "Event", "Patrol", "Seal", "WebhookEndpoint"]
