"""Database model of keys."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from apikeys.models.plan import Plan
from apikeys.models.plan_enforcement import limited_by_plans
from apikeys.models.prefetched import is_kept
from latchkey.auth_context import AuthContext
from latchkey.credentials import KEY_ID_PATTERN
from ratelimit.fields import RateLimitField
from ratelimit.limit import Limit, parse_limit


class KeyState(models.TextChoices):
    """State of a key at a moment. The first that applies counts, in the order revoked, disabled, expired."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


class APIKeyQuerySet(models.QuerySet["APIKey"]):
    """Query set of keys, with filters by state."""

    def usable(self, now: datetime) -> "APIKeyQuerySet":
        """Return the keys with which a request can be authenticated at `now`."""
        return self.in_state(KeyState.ACTIVE, now)

    def in_state(self, state: str, now: datetime) -> "APIKeyQuerySet":
        """Return the keys that are `state` at `now`: a KeyState, `rotating`, or `unlimited` (no enforced limit)."""
        unrevoked = Q(revoked_at__isnull=True)
        usable = unrevoked & Q(enabled=True)
        lapsed = Q(expires_at__lte=now)
        conditions = {
            "active": usable & ~lapsed,
            "disabled": unrevoked & Q(enabled=False),
            "expired": usable & lapsed,
            "revoked": Q(revoked_at__isnull=False),
            "unlimited": unrevoked & Q(rate_limit__isnull=True) & ~limited_by_plans(),
            # Literals instead of SecretState: `apikeys.models.secret` imports this module.
            "rotating": unrevoked & Q(secrets__state="retiring", secrets__expires_at__gt=now),
        }
        return self.filter(conditions[state])


class APIKey(models.Model):
    """An API key. Only `ConfigService` writes it. `epoch` grows with each change."""

    key_id = models.CharField(max_length=15, unique=True)
    label = models.CharField(max_length=200)
    owner = models.CharField(max_length=200, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    rate_limit = RateLimitField(null=True, blank=True)
    # The column has the plan's name, so that no query has to join the plan.
    plan = models.ForeignKey(
        Plan,
        on_delete=models.PROTECT,
        to_field="name",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="keys",
    )
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
    system = models.BooleanField(
        default=False, editable=False, help_text="Made by the server for itself: no person or service was given it."
    )
    expiry_told = models.BooleanField(default=False, editable=False)
    epoch = models.PositiveIntegerField(default=1, editable=False)
    import_event = models.BigIntegerField(
        null=True, editable=False, help_text="ID of the event KeysImported by which an imported key was issued."
    )
    created_at = models.DateTimeField(editable=False)

    objects = APIKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(key_id__regex=f"^{KEY_ID_PATTERN.pattern}$"), name="key_id_shape"),
            models.CheckConstraint(condition=Q(epoch__gte=1), name="key_epoch_positive"),
            models.CheckConstraint(condition=~Q(label=""), name="key_has_label"),
        ]
        indexes = [
            models.Index(fields=["burst"], name="key_by_burst"),
            models.Index(fields=["owner", "id"], name="key_by_owner"),
            models.Index(fields=["label", "id"], name="key_by_label"),
            models.Index(fields=["expires_at"], name="key_by_expiry"),
            models.Index(fields=["expires_at"], name="key_by_untold_expiry", condition=Q(expiry_told=False)),
            models.Index(fields=["plan", "id"], name="key_by_plan", condition=Q(plan__isnull=False)),
            models.Index(fields=["id"], name="key_revoked", condition=Q(revoked_at__isnull=False)),
            models.Index(fields=["id"], name="key_disabled", condition=Q(revoked_at__isnull=True, enabled=False)),
            models.Index(
                fields=["id"], name="key_unlimited", condition=Q(revoked_at__isnull=True, rate_limit__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key_id} ({self.label})"

    @property
    def plan_name(self) -> str | None:
        """Return the name of the key's own plan, or None, without a query."""
        return self.plan_id

    @property
    def limit(self) -> Limit | None:
        """Return the rate limit as a value; None if the key has none of its own."""
        return parse_limit(self.rate_limit)

    @property
    def auth(self) -> AuthContext:
        """Return the key's identity as a caller."""
        return AuthContext(self.key_id, self.label, self.owner, frozenset(self.scopes))

    @property
    def last_used_at(self) -> datetime | None:
        """Return when the key was last used according to the database, or None. A list of keys prefetches its
        `usage_marks`.
        """
        return max((used for mark in self.marks for used in mark.used if used is not None), default=None)

    @property
    def marks(self) -> Iterable[Any]:
        """Return the key's high-water marks (`UsageMark`), one for each store that counted it, read once."""
        # Django's function takes longer to find that the rows are there than a list of keys takes for all the rest.
        if not is_kept(self, "usage_marks"):
            models.prefetch_related_objects([self], "usage_marks")
        return self.usage_marks.all()

    def state(self, now: datetime) -> KeyState:
        """Return the state of the key at `now`."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if not self.enabled:
            return KeyState.DISABLED
        if self.expires_at is not None and self.expires_at <= now:
            return KeyState.EXPIRED
        return KeyState.ACTIVE


class KeyText(models.Model):
    """Search index: the text in which a key is found, in lower case and without accents. `apikeys.search` writes it.

    Migration 0006 creates the trigram index of each database.
    """

    key = models.OneToOneField(APIKey, on_delete=models.CASCADE, primary_key=True, related_name="text")
    text = models.TextField()

    def __str__(self) -> str:
        return self.text
