"""Waivers: permission to violate a guard rail, with a reason, a name and an end. Only this module writes them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from apikeys.lookup import find_key
from events import log as event_log
from events.batched_sql import run, select_statement
from events.lock_timeout import lock_timeout_statements
from events.origin import Origin
from events.types import EventType
from health.guard_rails import BY_NAME
from health.models import Waiver
from latchkey.problems import FieldError, ProblemError
from latchkey.timestamps import rfc3339
from latchkey.validation import InvalidParameters, Rule, clean, future, rejected, text

MAX_DURATION: Final = timedelta(days=366)
# The same command a moment later names an end that is a moment later, and means the same waiver.
SAME_END_TOLERANCE: Final = timedelta(minutes=1)


class WaiverNotFound(ProblemError):
    """No waiver in force has this ID."""

    slug = "not-found"


def _guard_rail(value: object, _now: datetime) -> str:
    if not (isinstance(value, str) and value in BY_NAME):
        raise rejected("not-a-guard-rail", f"guard_rail must be one of {', '.join(BY_NAME)}.")
    return value


def _ends_at(value: object, now: datetime) -> datetime:
    moment = future(value, "ends_at", now)
    if moment > now + MAX_DURATION:
        raise rejected(
            "too-far",
            f"ends_at must be within {MAX_DURATION.days} days. Grant another waiver then if it is still needed.",
        )
    return moment


RULES: Final[Mapping[str, Rule]] = {
    "guard_rail": _guard_rail,
    "key_id": lambda value, _now: text(value, "key_id", allow_empty=False),
    "reason": lambda value, _now: text(value, "reason", allow_empty=False),
    "ends_at": _ends_at,
}


def clean_waiver(values: object, now: datetime) -> dict[str, Any]:
    """Return the values of a waiver that may be granted at `now`. Raises InvalidParameters, or NotFound for its key."""
    cleaned: dict[str, Any] = clean(values, RULES, now, required=("guard_rail", "reason", "ends_at"))
    if key_id := cleaned.get("key_id", ""):
        _check_key(cleaned["guard_rail"], key_id)
    same = Waiver.objects.in_force(now).filter(guard_rail=cleaned["guard_rail"], key_id__in={"", key_id})
    if covering := same.filter(ends_at__gt=cleaned["ends_at"] - SAME_END_TOLERANCE).first():
        detail = f"Waiver {covering.pk} already silences this until {rfc3339(covering.ends_at)}. Set a later end."
        raise InvalidParameters.of([FieldError("/ends_at", "waived-already", detail)])
    return cleaned


def _check_key(guard_rail: str, key_id: str) -> None:
    """Raise InvalidParameters for a key that the guard rail never looks at, and NotFound for an unknown key."""
    if not BY_NAME[guard_rail].about_keys:
        raise InvalidParameters.of([FieldError("/key_id", "not-about-keys", "This guard rail is not about keys.")])
    key = find_key(key_id)
    if key.revoked_at is not None:
        raise InvalidParameters.of([FieldError("/key_id", "revoked-key", "No guard rail checks revoked keys.")])
    if key.system:
        detail = "The server created this key for itself, and no guard rail checks it."
        raise InvalidParameters.of([FieldError("/key_id", "system-key", detail)])


class Waivers:
    """Writer of waivers, on behalf of `origin`.

    Each change appends an event, and the guard rail is evaluated in the same transaction.
    """

    def __init__(self, origin: Origin, *, now: Callable[[], datetime] = timezone.now) -> None:
        self._origin = origin
        self._now = now

    def grant(self, values: object) -> Waiver:
        """Grant a waiver.

        `values` has `guard_rail`, `reason`, `ends_at` (at most 366 days ahead) and, for a single key, `key_id`.

        Raises InvalidParameters, and NotFound for an unknown key.
        """
        now = self._now()
        cleaned = clean_waiver(values, now)
        with transaction.atomic():
            waiver = Waiver.objects.create(granted_by=self._origin.actor, granted_at=now, **cleaned)
            self._append_event(EventType.WAIVER_GRANTED, waiver, now, {"ends_at": rfc3339(waiver.ends_at)})
        return waiver

    def end(self, waiver_id: int) -> Waiver:
        """End a waiver before its time. Raises WaiverNotFound."""
        return self._end(waiver_id, self._now(), because="ended")

    def end_due(self) -> int:
        """End the waivers whose time is over: their guard rails alert again. Return how many were due."""
        now = self._now()
        due = Waiver.objects.filter(ended_at__isnull=True, ends_at__lte=now).order_by("ends_at")
        ids = list(due.values_list("pk", flat=True))
        for waiver_id in ids:
            # Another process was quicker.
            with suppress(WaiverNotFound):
                self._end(waiver_id, now, because="time")
        return len(ids)

    def _end(self, waiver_id: int, now: datetime, *, because: str) -> Waiver:
        with transaction.atomic():
            # The row is locked, so that two calls can't both end the waiver and append an event.
            lock = select_statement(Waiver.objects.select_for_update().filter(pk=waiver_id, ended_at__isnull=True))
            *_, found = run([*lock_timeout_statements(), lock])
            if not found:
                raise WaiverNotFound("No waiver in force has this ID.")
            waiver: Waiver = found[0]
            waiver.ended_at, waiver.ended_by = now, self._origin.actor
            waiver.save(update_fields=["ended_at", "ended_by"])
            self._append_event(EventType.WAIVER_ENDED, waiver, now, {"because": because})
        return waiver

    def _append_event(self, type: EventType, waiver: Waiver, now: datetime, more: Mapping[str, object]) -> None:
        data = {"waiver": waiver.pk, "guard_rail": waiver.guard_rail, "reason": waiver.reason, **more}
        event_log.append(type, origin=self._origin, at=now, key_id=waiver.key_id, data=data)


def waiver_json(waiver: Waiver) -> dict[str, object]:
    """Return a waiver as REST and commands show it."""
    return {
        "id": waiver.pk,
        "guard_rail": waiver.guard_rail,
        "key_id": waiver.key_id or None,
        "reason": waiver.reason,
        "granted_by": waiver.granted_by,
        "granted_at": rfc3339(waiver.granted_at),
        "ends_at": rfc3339(waiver.ends_at),
        "ended_at": rfc3339(waiver.ended_at) if waiver.ended_at else None,
    }
