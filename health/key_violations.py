"""Guard rails that one key violates now, as its page shows them."""

from datetime import datetime
from itertools import compress
from typing import Final

from apikeys.models import APIKey
from events.batched_sql import run
from health.evaluation_queries import read_unwaived_violations
from health.guard_rails import GUARD_RAILS
from health.guard_rails.keys import KeyGuardRail

_RAILS: Final = tuple(rail for rail in GUARD_RAILS if isinstance(rail, KeyGuardRail))


def violations_of(key: APIKey, now: datetime) -> list[KeyGuardRail]:
    """Return the guard rails that the key violates, except those that are waived for it. One query reads them all."""
    [rows] = run([read_unwaived_violations(_RAILS, key.key_id, now)])
    return [rail for row in rows for rail in compress(_RAILS, row)]
