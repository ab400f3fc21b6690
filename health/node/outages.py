"""Outages of the bucket store, as each node that is cut off from it has noted them in the database.

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
    """Notes that the node is cut off, and has been for so long; whether that was not known, or no more counted."""
    if _living().filter(node=node.id).update(seen_at=Now()):
        return False
    StoreOutage.objects.update_or_create(
        node=node.id, defaults={"host": node.host, "since": Now() - lasted, "seen_at": Now()}
    )
    return True


def end_outage(node: Node) -> bool:
    """The bucket store answers the node; whether it was noted as cut off."""
    return StoreOutage.objects.filter(node=node.id).delete()[0] > 0


def cut_off() -> list[str]:
    """The hosts of the nodes that have said within 15 seconds that they are cut off, the first to say so first."""
    return list(_living().order_by("since", "host").values_list("host", flat=True))


def forget_lapsed_outages() -> int:
    """Deletes what nodes noted that have said nothing since, as they ended in the outage; returns how many."""
    return StoreOutage.objects.filter(seen_at__lte=Now() - COUNTS_FOR).delete()[0]


def _living() -> QuerySet[StoreOutage]:
    return StoreOutage.objects.filter(seen_at__gt=Now() - COUNTS_FOR)
