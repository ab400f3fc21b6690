"""The tables of keys, their secrets and their use."""

from datetime import datetime, timedelta
from typing import Final

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from latchkey.auth_context import AuthContext
from latchkey.timestamps import from_ns
from ratelimit.bucket import Record
from ratelimit.fields import RateLimitField
from ratelimit.limit import Limit, parse_limit

OVERDUE_AT_MOST: Final = timedelta(days=1)


class KeyState(models.TextChoices):
    """What a key is at a moment; the first that applies, in the order revoked, disabled, expired."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


class APIKeyQuerySet(models.QuerySet["APIKey"]):
    """Keys by what they are."""

    def usable(self, now: datetime) -> "APIKeyQuerySet":
        """Keys with which a request can pass at `now`."""
        return self.in_state(KeyState.ACTIVE, now)

    def in_state(self, state: str, now: datetime) -> "APIKeyQuerySet":
        """Keys that are `state` at `now`: a KeyState, `unlimited` or `rotating`."""
        unrevoked = Q(revoked_at__isnull=True)
        usable = unrevoked & Q(enabled=True)
        lapsed = Q(expires_at__lte=now)
        conditions = {
            "active": usable & ~lapsed,
            "disabled": unrevoked & Q(enabled=False),
            "expired": usable & lapsed,
            "revoked": ~unrevoked,
            "unlimited": unrevoked & Q(rate_limit__isnull=True),
            "rotating": unrevoked & Q(secrets__state=SecretState.RETIRING, secrets__expires_at__gt=now),
        }
        return self.filter(conditions[state])


class APIKey(models.Model):
    """A key. Only `ConfigService` writes it; `epoch` grows with each change."""

    key_id = models.CharField(max_length=15, unique=True)
    label = models.CharField(max_length=200)
    owner = models.CharField(max_length=200, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    rate_limit = RateLimitField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    metadata = models.JSONField(default=dict, blank=True)
    burst = models.GeneratedField(
        expression=Cast(KeyTextTransform("burst", "rate_limit"), models.IntegerField()),
        output_field=models.IntegerField(null=True),
        db_persist=True,
        help_text="That of the rate limit, for searches by it.",
    )
    expiry_told = models.BooleanField(default=False, editable=False)
    epoch = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = APIKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(key_id__regex=r"^lk_[0-9a-z]{12}$"), name="key_id_shape"),
            models.CheckConstraint(condition=Q(epoch__gte=1), name="key_epoch_positive"),
            models.CheckConstraint(condition=~Q(label=""), name="key_has_label"),
        ]
        indexes = [
            models.Index(fields=["burst"], name="key_by_burst"),
            models.Index(fields=["expires_at"], name="key_by_expiry"),
            models.Index(fields=["expires_at"], name="key_by_untold_expiry", condition=Q(expiry_told=False)),
        ]

    def __str__(self) -> str:
        return f"{self.key_id} ({self.label})"

    @property
    def limit(self) -> Limit | None:
        """The rate limit as a value; None is unlimited."""
        return parse_limit(self.rate_limit)

    @property
    def auth(self) -> AuthContext:
        """The key as a caller."""
        return AuthContext(self.key_id, self.label, self.owner, frozenset(self.scopes))

    def state(self, now: datetime) -> KeyState:
        """What the key is at `now`."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if not self.enabled:
            return KeyState.DISABLED
        if self.expires_at is not None and self.expires_at <= now:
            return KeyState.EXPIRED
        return KeyState.ACTIVE


class SecretState(models.TextChoices):
    """A key has one active secret and, during a rotation, one retiring one."""

    ACTIVE = "active"
    RETIRING = "retiring"


class KeySecret(models.Model):
    """The digest of a secret. The row goes when the secret ends, so an ended secret cannot come back.

    `overdue_at` is set on a retiring secret: whoever still uses it from then on has little time left to change over.
    """

    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="secrets")
    state = models.CharField(max_length=8, choices=SecretState.choices, default=SecretState.ACTIVE)
    slot = models.PositiveSmallIntegerField()
    digest = models.BinaryField(max_length=32)
    pepper_id = models.CharField(max_length=32)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    overdue_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["state", "created_at"], name="secret_by_age")]
        constraints = [
            models.UniqueConstraint(fields=["key", "state"], name="one_secret_a_state"),
            models.UniqueConstraint(fields=["key", "slot"], name="one_secret_a_slot"),
            models.CheckConstraint(condition=Q(slot__in=[0, 1]), name="secret_slot_0_or_1"),
            models.CheckConstraint(
                condition=Q(state=SecretState.ACTIVE, expires_at__isnull=True)
                | Q(state=SecretState.RETIRING, expires_at__isnull=False),
                name="retiring_secret_has_end",
            ),
        ]

    def __str__(self) -> str:
        return f"secret {self.pk} of {self.key_id}"

    def retire(self, now: datetime, grace: timedelta) -> None:
        """Makes it the retiring secret, which ends after `grace`."""
        self.state = SecretState.RETIRING
        self.expires_at = now + grace
        self.overdue_at = self.expires_at - min(grace / 4, OVERDUE_AT_MOST)

    def last_use_in(self, record: Record) -> datetime | None:
        """When the store last saw this secret used; the use of the secret that held its slot before does not count."""
        used_ns = record.used_ns_of(self.slot)
        used = from_ns(used_ns) if used_ns else None
        return used if used is not None and used >= self.created_at else None


class UsageStep(models.TextChoices):
    """The lengths of time by which use is kept."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Usage(models.Model):
    """How often a key was let pass and throttled within one minute, hour or day of UTC."""

    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="usage")
    step = models.CharField(max_length=6, choices=UsageStep.choices)
    start = models.DateTimeField()
    allowed = models.PositiveBigIntegerField(default=0)
    throttled = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "step", "start"], name="one_row_a_key_and_step")]
        indexes = [models.Index(fields=["step", "start"], name="usage_by_age")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.step} {self.start:%Y-%m-%d %H:%M}"


class UsageMark(models.Model):
    """How far a key's counters in the bucket store are written down, so that nothing is counted twice or lost."""

    key = models.OneToOneField(APIKey, on_delete=models.CASCADE, primary_key=True)
    generation = models.CharField(max_length=64)
    allowed = models.PositiveBigIntegerField(default=0)
    throttled = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.key_id} {self.allowed}/{self.throttled}"
