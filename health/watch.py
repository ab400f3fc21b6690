"""The watch on the event log: guard rails are judged within the transaction of the change that may breach them."""

from typing import Any

import structlog
from django.db import transaction
from django.dispatch import receiver

from events import log as event_log
from events.models import Event
from health.guard_rails import GUARD_RAILS
from health.incidents import judge, open_incidents

log = structlog.get_logger(__name__)


@receiver(event_log.APPENDED)
def judge_at_once(event: Event, **_: Any) -> None:
    """Judges the guard rails that the event triggers: the breach is told right behind the change, or neither is kept.

    What fails here is left to the steward's next sweep; a change to a key is not lost over it.
    """
    rails = [rail for rail in GUARD_RAILS if event.type in rail.triggers]
    if not rails:
        return
    try:
        with transaction.atomic():
            opened = {incident.guard_rail for incident in open_incidents()}
            for rail in rails:
                if rail.name in opened or rail.concerns(event):
                    judge(rail, now=event.at, request_id=event.request_id)
    except Exception:
        log.exception("guard_rails_not_judged", event_id=event.id)
