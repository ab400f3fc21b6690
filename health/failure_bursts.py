"""Bursts of failed authentications: reported once when an address exceeds its limit, over once it has been quiet."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.db import transaction

from events import log as event_log
from events.origin import Origin
from events.types import EventType
from health.models import FailureBurst
from latchkey.timestamps import from_ns
from ratelimit.bucket import Record
from ratelimit.limiter import Limiter

QUIET_FOR: Final = timedelta(minutes=5)
MAX_BURSTS: Final = 100


def record_failure_bursts(limiter: Limiter, *, now: datetime, origin: Origin) -> None:
    """Compare the addresses that are over AUTH_FAILURE_LIMIT with the known bursts.

    Append an event for each new burst, and delete those that are over.
    """
    quiet_since = now - QUIET_FOR
    over = _throttled_by_address(islice(limiter.throttled_addresses(int(quiet_since.timestamp() * 1e9)), MAX_BURSTS))
    known = {burst.address: burst for burst in FailureBurst.objects.all()}
    for address, (refused, used_ns) in over.items():
        if address in known:
            # Failures within the limit aren't part of the burst, so only newly throttled attempts keep it going.
            FailureBurst.objects.filter(address=address).exclude(refused=refused).update(
                last_at=from_ns(used_ns), refused=refused
            )
        # A bound, so that an attacker with many addresses can't fill the event log.
        elif len(known) < MAX_BURSTS:
            with transaction.atomic():
                known[address] = FailureBurst.objects.create(
                    address=address, since=now, last_at=from_ns(used_ns), refused=refused
                )
                event_log.append(
                    EventType.AUTHENTICATION_FAILURE_BURST,
                    origin=origin,
                    at=now,
                    data={"address": address, "refused": refused},
                )
    FailureBurst.objects.filter(last_at__lt=quiet_since).delete()


def _throttled_by_address(buckets: Iterable[tuple[str, Record]]) -> dict[str, tuple[int, int]]:
    """Return for each address how often it was throttled and when it last tried (in ns), over all of its buckets."""
    found: dict[str, tuple[int, int]] = {}
    for address, record in buckets:
        refused, used_ns = found.get(address, (0, 0))
        found[address] = refused + record.throttled, max(used_ns, record.used_ns)
    return found
