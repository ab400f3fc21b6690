"""Database model of the digests of keys' secrets."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db import models
from django.db.models import Q

from apikeys.models.import_source import ImportSource
from apikeys.models.key import APIKey
from apikeys.models.prefetched import keep_related
from latchkey.timestamps import from_ns, next_whole_second
from ratelimit.bucket import Record

OVERDUE_AT_MOST: Final = timedelta(days=1)


class SecretState(models.TextChoices):
    """State of a secret. A key has one active secret and, during a rotation, one retiring one."""

    ACTIVE = "active"
    RETIRING = "retiring"


class KeySecret(models.Model):
    """The digest of a secret. The row is deleted when the secret ends, so an ended secret cannot become valid
    again.

    `overdue_at` is set on a retiring secret: a client that still uses it from then on has little time left to
    switch. When it was used is in the key's high-water marks, by its `slot`.
    """

    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="secrets")
    state = models.CharField(max_length=8, choices=SecretState.choices, default=SecretState.ACTIVE)
    slot = models.PositiveSmallIntegerField()
    digest = models.BinaryField(max_length=32)
    pepper_id = models.CharField(max_length=32)
    source = models.ForeignKey(ImportSource, on_delete=models.PROTECT, null=True, db_index=False, related_name="+")
    foreign_hash = models.CharField(max_length=32, null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    overdue_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["state", "created_at"], name="secret_by_age"),
            models.Index(fields=["expires_at"], name="secret_retiring", condition=Q(state="retiring")),
            models.Index(fields=["created_at"], name="secret_foreign", condition=Q(foreign_hash__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["key", "state"], name="one_secret_a_state"),
            models.UniqueConstraint(fields=["key", "slot"], name="one_secret_a_slot"),
            # Only tokens are found by their digest. A request with one of our secrets names its key.
            models.UniqueConstraint(fields=["digest"], condition=Q(source__isnull=False), name="one_key_a_token"),
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
        """Make this the retiring secret, which ends after `grace`, rounded up to a whole second."""
        self.state = SecretState.RETIRING
        self.expires_at = next_whole_second(now + grace)
        self.overdue_at = self.expires_at - min(grace / 4, OVERDUE_AT_MOST)

    @property
    def first_used_at(self) -> datetime | None:
        """Return the first use that the background worker saw, or None. It may be seconds late, but never early."""
        return min(self._own(mark.first_used[self.slot] for mark in self.key.marks), default=None)

    @property
    def last_used_at(self) -> datetime | None:
        """Return when the secret was last used according to the database, or None."""
        return max(self._own(mark.used[self.slot] for mark in self.key.marks), default=None)

    def _own(self, uses: Iterable[datetime | None]) -> Iterator[datetime]:
        """Yield the uses of this secret, without those of the secret that held its slot before."""
        return (used for used in uses if used is not None and used >= self.created_at)

    def last_use_in(self, record: Record) -> datetime | None:
        """Return when the bucket store last saw this secret used, or None."""
        used_ns = record.used_ns_of(self.slot)
        used = from_ns(used_ns) if used_ns else None
        return next(self._own([used]), None)

    def last_used(self, record: Record) -> datetime | None:
        """Return when the secret was last used, according to the store's record and the database, or None."""
        return max((used for used in (self.last_used_at, self.last_use_in(record)) if used is not None), default=None)


def keep_secrets(key: APIKey, secrets: Iterable[KeySecret]) -> None:
    """Set the result of `key.secrets.all()` to `secrets`, which were read or written together with the key."""
    secrets = sorted(secrets, key=lambda secret: secret.pk)
    for secret in secrets:
        secret.key = key
    keep_related(key, "secrets", secrets)
