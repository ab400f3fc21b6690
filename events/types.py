"""The kinds of event."""

from enum import StrEnum


class EventType(StrEnum):
    """What happened. The names are public: filters, streams and webhooks use them."""

    KEY_ISSUED = "KeyIssued"
    KEY_UPDATED = "KeyUpdated"
    RATE_LIMIT_CHANGED = "RateLimitChanged"
    KEY_ROTATED = "KeyRotated"
    ROTATION_FINISHED = "RotationFinished"
    KEY_DISABLED = "KeyDisabled"
    KEY_ENABLED = "KeyEnabled"
    KEY_REVOKED = "KeyRevoked"
