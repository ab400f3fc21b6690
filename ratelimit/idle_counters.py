"""Idle counters: those that say nothing that a missing one wouldn't say. Pure functions over records.

A bucket that is full, a quota whose period has ended and slots that have ended are as if they had never been used.
What the period before used up is still of interest for as long as a reservation of that time may be settled. Usage by
unit is written down by then.
"""

from typing import Final, NamedTuple

from ratelimit import slots, unit_counters
from ratelimit.claim import KEY_COUNTER_PREFIX, OWNER_PREFIX
from ratelimit.counters import load_quota, load_rate
from ratelimit.limit import NS_PER_SECOND
from ratelimit.quota_grants import GRANT_PREFIX
from ratelimit.unit_counters import UNIT_PREFIX

PREFIXES: Final = (KEY_COUNTER_PREFIX, OWNER_PREFIX, UNIT_PREFIX, GRANT_PREFIX)
"""Prefixes of the names of counters."""

UNUSED_SECONDS: Final = 90 * 86_400
"""For how long a counter is kept after it has become idle."""


class StoredCounter(NamedTuple):
    """A counter by its name, with the value that a store has for it. Stores encode values differently."""

    name: bytes
    value: bytes


def is_idle(name: bytes, raw: bytes | None, now_s: int) -> bool:
    """Return whether a counter's record was idle for UNUSED_SECONDS at `now_s`. A damaged one is not."""
    since_s = now_s - UNUSED_SECONDS
    if name.startswith(UNIT_PREFIX):
        return unit_counters.load(raw).changed_s < since_s
    if (quota := load_quota(raw)) is not None:
        return quota[1] < since_s
    if (rate := load_rate(raw)) is not None:
        return rate[2] < since_s * NS_PER_SECOND
    return raw is not None and slots.is_unused(raw, since_s)
