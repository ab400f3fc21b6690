"""Database models of keys, their secrets and their usage."""

from apikeys.models.census import KeyCensus
from apikeys.models.idempotency import IdempotencyRecord
from apikeys.models.key import APIKey, APIKeyQuerySet, KeyState, KeyText
from apikeys.models.prefetched import keep_related
from apikeys.models.secret import KeySecret, SecretState, keep_secrets
from apikeys.models.usage import Usage, UsageMark, UsageSource, UsageStep, UsageTotal

__all__ = [
    "APIKey",
    "APIKeyQuerySet",
    "IdempotencyRecord",
    "KeyCensus",
    "KeySecret",
    "KeyState",
    "KeyText",
    "SecretState",
    "Usage",
    "UsageMark",
    "UsageSource",
    "UsageStep",
    "UsageTotal",
    "keep_related",
    "keep_secrets",
]
