"""Event types."""

from enum import StrEnum


class EventType(StrEnum):
    """Type of an event. The names are public API: filters, streams and webhooks use them."""

    KEY_ISSUED = "KeyIssued"
    KEYS_IMPORTED = "KeysImported"
    KEY_UPDATED = "KeyUpdated"
    RATE_LIMIT_CHANGED = "RateLimitChanged"
    KEY_ROTATED = "KeyRotated"
    ROTATION_FINISHED = "RotationFinished"
    KEY_DISABLED = "KeyDisabled"
    KEY_ENABLED = "KeyEnabled"
    KEY_REVOKED = "KeyRevoked"
    KEY_EXPIRED = "KeyExpired"
    RECORDS_FORGOTTEN = "RecordsForgotten"
    HEALTH_CHANGED = "HealthChanged"
    AUTHENTICATION_FAILURE_BURST = "AuthenticationFailureBurst"
    WAIVER_GRANTED = "WaiverGranted"
    WAIVER_ENDED = "WaiverEnded"
    WEBHOOK_ADDED = "WebhookAdded"
    WEBHOOK_UPDATED = "WebhookUpdated"
    WEBHOOK_SECRET_ROTATED = "WebhookSecretRotated"  # noqa: S105 - a name
    WEBHOOK_TESTED = "WebhookTested"
    WEBHOOK_RESENT = "WebhookResent"
    WEBHOOK_REMOVED = "WebhookRemoved"
    WEBHOOK_DISABLED = "WebhookDisabled"
    BACKUP_RESTORED = "BackupRestored"
    OPERATOR_SIGNED_IN = "OperatorSignedIn"
    OPERATOR_SIGN_IN_FAILED = "OperatorSignInFailed"
    OPERATOR_LOCKED_OUT = "OperatorLockedOut"
    OPERATOR_SIGNED_OUT = "OperatorSignedOut"
    OPERATOR_CHANGED = "OperatorChanged"
