"""Seals: a segment of old events is signed off and pruned in one step, and the log goes on verifying from there."""

import hmac
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import takewhile
from typing import Final

from django.db import transaction

from events import log as event_log
from events.chain import GENESIS
from events.continuity import Break, Place, follow
from events.models import Event, Seal
from latchkey.peppers import Peppers

SEGMENT: Final = 1000


def seal_place(seals: Iterable[Seal], peppers: Peppers) -> Place | Break:
    """Where the last of `seals` leaves off, or the first event under a seal that does not follow or is not signed."""
    place = Place(0, GENESIS)
    for seal in seals:
        if (seal.first_id, seal.previous_digest) != (place.event_id + 1, place.digest):
            return Break(place.event_id + 1, "the seal over it does not follow the one before")
        if seal.pepper_id not in peppers.by_id:
            return Break(seal.first_id, f"its seal was signed under the pepper {seal.pepper_id}, which is not here")
        if not hmac.compare_digest(_signature(seal, peppers), seal.signature):
            return Break(seal.first_id, "the seal over it was not signed here")
        place = Place(seal.last_id, seal.digest)
    return place


def prune(
    before: datetime,
    *,
    keep_from: int | None,
    peppers: Peppers,
    now: datetime,
    go_on: Callable[[], bool] = lambda: True,
) -> int | Break:
    """Seals and deletes the events from before `before`, those from the id `keep_from` on excepted: a segment of up to
    1000 at a time, while `go_on` says so. Returns how many are gone, or the Break at which it stopped: what does not
    verify is kept as it is.
    """
    pruned = 0
    while go_on():
        with transaction.atomic():
            found = _prune_segment(before, keep_from, peppers, now)
        if isinstance(found, Break):
            return found
        pruned += found
        if found < SEGMENT:
            break
    return pruned


def _prune_segment(before: datetime, keep_from: int | None, peppers: Peppers, now: datetime) -> int | Break:
    event_log.hold()  # two that prune at once come one after the other, or their seals would overlap
    newest = Seal.objects.order_by("-last_id").first()
    start = Place(newest.last_id, newest.digest) if newest else Place(0, GENESIS)
    events = Event.objects.filter(id__gt=start.event_id).order_by("id")
    if keep_from is not None:
        events = events.filter(id__lt=keep_from)
    segment = list(takewhile(lambda event: event.at < before, events[:SEGMENT]))
    end = follow(start, segment)
    if isinstance(end, Break) or not segment:
        return end if isinstance(end, Break) else 0
    seal = Seal(
        first_id=segment[0].id,
        last_id=end.event_id,
        previous_digest=start.digest,
        digest=end.digest,
        sealed_at=now,
        pepper_id=peppers.current,
    )
    seal.signature = _signature(seal, peppers)
    seal.save(force_insert=True)
    Event.objects.filter(id__lte=end.event_id).delete()
    return len(segment)


def _signature(seal: Seal, peppers: Peppers) -> str:
    return peppers.digest(seal.signed_text, seal.pepper_id).hex()
