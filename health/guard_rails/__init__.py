"""Guard rails: each is a small object that finds one kind of problem, and says what to do about it."""

from typing import Final

from health.guard_rails.base import Finding, GuardRail, Severity
from health.guard_rails.database import GrowingLog, UnwritableDatabase
from health.guard_rails.disk import FullDisk
from health.guard_rails.imports import ForeignDigest
from health.guard_rails.lifetimes import ExpiringKey, KeyWithoutExpiry, UnusedKey
from health.guard_rails.limits import ExcessiveBurst, UnlimitedKey
from health.guard_rails.operation import AbsentSteward, BrokenEventLog, DegradedBucketStore, RebuiltBucketStore
from health.guard_rails.restores import RestoredBackup
from health.guard_rails.rotations import OldSecret, OverdueRotation
from health.guard_rails.traffic import AuthenticationFailures, SustainedThrottling
from health.guard_rails.usage import ShortenedUsage
from health.guard_rails.webhooks import DeadWebhook

GUARD_RAILS: Final[tuple[GuardRail, ...]] = (
    UnlimitedKey(),
    ExcessiveBurst(),
    KeyWithoutExpiry(),
    ExpiringKey(),
    UnusedKey(),
    OldSecret(),
    OverdueRotation(),
    ForeignDigest(),
    SustainedThrottling(),
    AuthenticationFailures(),
    DeadWebhook(),
    DegradedBucketStore(),
    RebuiltBucketStore(),
    RestoredBackup(),
    BrokenEventLog(),
    AbsentSteward(),
    FullDisk(),
    UnwritableDatabase(),
    GrowingLog(),
    ShortenedUsage(),
)
BY_NAME: Final[dict[str, GuardRail]] = {rail.name: rail for rail in GUARD_RAILS}

__all__ = ["BY_NAME", "GUARD_RAILS", "Finding", "GuardRail", "Severity"]
