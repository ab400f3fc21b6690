"""Tables of the event log: events, chain head, signed checkpoints of pruned segments, and integrity scan progress."""

import json
from typing import Any, NoReturn

from django.db import models

from events.chain import canonical, event_digest
from latchkey.timestamps import rfc3339


class AppendOnlyError(TypeError):
    """An attempt to change or delete an event. Events are only appended, by `events.log.append`."""


class Event(models.Model):
    """One event. IDs are in commit order and have no gaps."""

    id = models.BigIntegerField(primary_key=True)
    type = models.CharField(max_length=64)
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    request_id = models.CharField(max_length=128, db_index=True)
    key_id = models.CharField(max_length=15, blank=True)
    data_json = models.TextField()
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["id"]
        # Both include the ID, so that the next events of a type or key are found without a scan.
        indexes = [
            models.Index(fields=["type", "id"], name="event_type_then_id"),
            models.Index(fields=["key_id", "id"], name="event_key_then_id"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.type}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError("an event is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("an event is never deleted")

    def digest_after(self, previous: str) -> str:
        """Return the digest of this event in a chain in which `previous` is the digest before it."""
        return event_digest(
            previous,
            event_id=self.id,
            type=self.type,
            at=self.at,
            actor=self.actor,
            request_id=self.request_id,
            key_id=self.key_id,
            data=self.data_json,
        )

    @property
    def data(self) -> dict[str, Any]:
        """Return the event's data, decoded."""
        data: dict[str, Any] = json.loads(self.data_json)
        return data


class ChainHead(models.Model):
    """The single row with the last event's ID and digest. Writers lock it, which puts them in order."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    last_id = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="chain_head_is_one_row")]

    def __str__(self) -> str:
        return f"event {self.last_id}"


class Seal(models.Model):
    """Signed checkpoint over a segment of the log, which may then be pruned. Later events verify from its digest on.

    `signature` is the HMAC-SHA-256, in hexadecimal, of `signed_text` under the pepper `pepper_id`.
    """

    first_id = models.BigIntegerField(unique=True)
    last_id = models.BigIntegerField(unique=True)
    previous_digest = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()
    pepper_id = models.CharField(max_length=32)
    signature = models.CharField(max_length=64)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"events {self.first_id} to {self.last_id}"

    @property
    def signed_text(self) -> str:
        """Return the text that the signature covers."""
        members = [self.first_id, self.last_id, self.previous_digest, self.digest]
        return f"seal:{canonical([*members, rfc3339(self.sealed_at, timespec='microseconds')])}"


class Patrol(models.Model):
    """The single row with the progress and result of the running integrity scan."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    through_id = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64)
    finished_at = models.DateTimeField(null=True)
    broken_at = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="patrol_is_one_row")]

    def __str__(self) -> str:
        return f"through event {self.through_id}"
