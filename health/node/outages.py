"""Outages of the bucket store: each node that is cut off from it records that in the database.

Times are those of the database's clock: nodes share it, and their own clocks may differ.
"""

from datetime import timedelta
from typing import Final

from django.db.models import QuerySet
from django.db.models.functions import Now

from health.models import StoreOutage
from health.node.identity import Node

COUNTS_FOR: Final = timedelta(seconds=15)


def note_outage(node: Node, *, lasted: timedelta) -> bool:
    """Record that the node has been cut off for `lasted`.

    Return whether that wasn't recorded yet, or was no longer counted.
    """
    if _living().filter(node=node.id).update(seen_at=Now()):
        return False
    StoreOutage.objects.update_or_create(
        node=node.id, defaults={"host": node.host, "since": Now() - lasted, "seen_at": Now()}
    )
    return True


def end_outage(node: Node) -> bool:
    """Record that the bucket store responds to the node. Return whether it was recorded as cut off."""
    return StoreOutage.objects.filter(node=node.id).delete()[0] > 0


def cut_off() -> list[str]:
    """Return the hosts of the nodes that reported in the last 15 seconds that they are cut off, oldest outage first."""
    return list(_living().order_by("since", "host").values_list("host", flat=True))


def forget_lapsed_outages() -> int:
    """Delete outages that are no longer renewed, because their nodes ended during them. Return how many."""
    return StoreOutage.objects.filter(seen_at__lte=Now() - COUNTS_FOR).delete()[0]


def _living() -> QuerySet[StoreOutage]:
    return StoreOutage.objects.filter(seen_at__gt=Now() - COUNTS_FOR)
