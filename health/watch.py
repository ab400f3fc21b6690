"""The watch on the event log: guard rails are judged within the transaction of the change that may breach them."""

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from events import log as event_log
from events.models import Event
from health.guard_rails import GUARD_RAILS
from health.incidents import judge, left_to_the_sweep, open_incidents


@receiver(event_log.APPENDED)
def judge_at_once(events: Sequence[Event], **_: Any) -> None:
    """Judges the guard rails that the events trigger: the breach is told right behind the change, or neither is kept.

    What fails here is left to the steward's next sweep; a change to a key is not lost over it.
    """
    triggered = [(rail, [event for event in events if event.type in rail.triggers]) for rail in GUARD_RAILS]
    if not any(causes for _, causes in triggered):
        return
    with left_to_the_sweep(event_id=events[0].id):
        opened = {incident.guard_rail for incident in open_incidents()}
        for rail, causes in triggered:
            if causes and (rail.name in opened or rail.concerns(causes)):
                judge(rail, now=causes[-1].at, request_id=causes[-1].request_id)
