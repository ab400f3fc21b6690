"""Integrity scan: the steward verifies the log in small steps, over and over, which finds tampering automatically."""

from datetime import datetime

from events.chain_verification import Break, ChainPosition
from events.models import Patrol
from events.verification import start_position, verify_batch
from latchkey.peppers import Peppers


def scan_next_batch(peppers: Peppers, *, now: datetime) -> Break | None:
    """Verify the next batch and save the progress. Return the Break if one was found.

    A break stays recorded until a complete scan finds none.
    """
    known = Patrol.objects.filter(id=1).first()
    position = (
        ChainPosition(known.through_id, known.digest) if known is not None and known.digest else start_position(peppers)
    )
    found = verify_batch(position, peppers) if isinstance(position, ChainPosition) else position
    if isinstance(found, Break):
        _save_progress(through_id=0, digest="", broken_at=found.event_id, reason=found.reason)
        return found
    # The end of the log: a complete scan without a break. Start over.
    if found is None:
        _save_progress(through_id=0, digest="", broken_at=None, reason="", finished_at=now)
    else:
        _save_progress(through_id=found.event_id, digest=found.digest)
    return None


def _save_progress(**columns: object) -> None:
    Patrol.objects.update_or_create(id=1, defaults=columns)
