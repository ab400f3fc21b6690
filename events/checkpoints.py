"""Signed checkpoints: sign and prune a segment of old events in one step. Later events verify from there on."""

import hmac
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import takewhile
from typing import Final

from django.db import transaction

from events import log as event_log
from events.chain import GENESIS
from events.chain_verification import Break, ChainPosition, verify_events
from events.models import Event, Seal
from latchkey.peppers import Peppers

SEGMENT: Final = 1000


def last_checkpoint_position(seals: Iterable[Seal], peppers: Peppers) -> ChainPosition | Break:
    """Return the position after the last of `seals`, or a Break at the first that is out of sequence or not signed."""
    position = ChainPosition(0, GENESIS)
    for seal in seals:
        if (seal.first_id, seal.previous_digest) != (position.event_id + 1, position.digest):
            return Break(position.event_id + 1, "its checkpoint does not follow the previous one")
        if seal.pepper_id not in peppers.by_id:
            return Break(
                seal.first_id, f"its checkpoint was signed with the pepper {seal.pepper_id}, which is not configured"
            )
        if not hmac.compare_digest(_signature(seal, peppers), seal.signature):
            return Break(seal.first_id, "its checkpoint has an invalid signature")
        position = ChainPosition(seal.last_id, seal.digest)
    return position


def prune(
    before: datetime,
    *,
    keep_from: int | None,
    peppers: Peppers,
    now: datetime,
    should_continue: Callable[[], bool] = lambda: True,
) -> int | Break:
    """Sign and delete the events before `before`, except those from the ID `keep_from` on. Return their number.

    It works in segments of up to 1000 events, while `should_continue` returns True. If a segment doesn't verify, it
    is kept, and its Break is returned.
    """
    pruned = 0
    while should_continue():
        with transaction.atomic():
            found = _prune_segment(before, keep_from, peppers, now)
        if isinstance(found, Break):
            return found
        pruned += found
        if found < SEGMENT:
            break
    return pruned


def _prune_segment(before: datetime, keep_from: int | None, peppers: Peppers, now: datetime) -> int | Break:
    # Race condition: two processes may prune at the same time, and their checkpoints would overlap. Take turns.
    event_log.lock_log()
    newest = Seal.objects.order_by("-last_id").first()
    start = ChainPosition(newest.last_id, newest.digest) if newest else ChainPosition(0, GENESIS)
    events = Event.objects.filter(id__gt=start.event_id).order_by("id")
    if keep_from is not None:
        events = events.filter(id__lt=keep_from)
    segment = list(takewhile(lambda event: event.at < before, events[:SEGMENT]))
    # Never sign what doesn't verify: a signature would hide the manipulation permanently.
    end = verify_events(start, segment)
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
