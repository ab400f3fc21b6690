"""Database models of keys, their secrets, their usage, their callers and their plans."""

from apikeys.models.caller import CallerKind, KeyCaller
from apikeys.models.census import KeyCensus
from apikeys.models.idempotency import IdempotencyRecord
from apikeys.models.import_source import ImportSource
from apikeys.models.key import APIKey, APIKeyQuerySet, KeyState, KeyText
from apikeys.models.override import Override
from apikeys.models.owner import Owner
from apikeys.models.plan import Plan, PolicyNumber
from apikeys.models.plan_enforcement import limited_by_plans
from apikeys.models.prefetched import keep_related
from apikeys.models.quota_use import QuotaUse
from apikeys.models.ranking import UsageRanking
from apikeys.models.secret import KeySecret, SecretState, keep_secrets
from apikeys.models.unit_usage import UnitMark, UnitUsage
from apikeys.models.usage import Usage, UsageMark, UsageSource, UsageStep, UsageTotal

__all__ = [
    "APIKey",
    "APIKeyQuerySet",
    "CallerKind",
    "IdempotencyRecord",
    "ImportSource",
    "KeyCaller",
    "KeyCensus",
    "KeySecret",
    "KeyState",
    "KeyText",
    "Override",
    "Owner",
    "Plan",
    "PolicyNumber",
    "QuotaUse",
    "SecretState",
    "UnitMark",
    "UnitUsage",
    "Usage",
    "UsageMark",
    "UsageRanking",
    "UsageSource",
    "UsageStep",
    "UsageTotal",
    "keep_related",
    "keep_secrets",
    "limited_by_plans",
]
