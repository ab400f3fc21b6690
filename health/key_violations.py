"""Guard rails that one key violates now, as its page shows them."""

from datetime import datetime
from itertools import compress
from typing import Final

from apikeys.models import APIKey
from events.batched_sql import run
from health.evaluation_queries import read_violations, read_waivers
from health.guard_rails import GUARD_RAILS
from health.guard_rails.keys import KeyGuardRail

_RAILS: Final = tuple(rail for rail in GUARD_RAILS if isinstance(rail, KeyGuardRail))


def violations_of(key: APIKey, now: datetime) -> list[KeyGuardRail]:
    """Return the guard rails that the key violates, except those that are waived for it.

    However many guard rails there are, one query reads the waivers and another what is violated, together in one round
    trip.
    """
    waivers = read_waivers([rail.name for rail in _RAILS], {key.key_id}, now)
    waived, violated = run([waivers, read_violations(_RAILS, {key.key_id}, now)])
    return [
        rail
        for key_id, *answers in violated
        for rail in compress(_RAILS, answers)
        # A waiver for all keys silences the incident; a page about one key still says what is wrong with it.
        if (rail.name, key_id) not in waived
    ]
