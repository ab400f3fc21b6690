"""Rows of what is used of quotas: written in bulk by the rule that merges two numbers, and read to seed a store."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from apikeys.models import QuotaUse
from events.lock_timeout import set_lock_timeout
from ratelimit.claim import KEY_COUNTER_PREFIX, Claim
from ratelimit.claim import QuotaUse as Use

# The row changes if the use counts something else, belongs to a later period, or is the one that counts: that with the
# higher revision, and with the same revision the larger one (ADR 14). What was reported stays as long as the period.
_UPSERT: Final = """
INSERT INTO apikeys_quotause AS known (counter, definition, ends_s, used, revision, quota, told, updated_at)
VALUES (%s, %s, %s, %s, %s, %s, 0, %s)
ON CONFLICT (counter) DO UPDATE SET
    told = CASE WHEN known.definition = excluded.definition AND known.ends_s = excluded.ends_s
        THEN known.told ELSE 0 END,
    definition = excluded.definition, ends_s = excluded.ends_s, used = excluded.used, revision = excluded.revision,
    quota = excluded.quota, updated_at = excluded.updated_at
WHERE known.definition <> excluded.definition
    OR excluded.ends_s > known.ends_s
    OR (excluded.ends_s = known.ends_s AND (
        excluded.revision > known.revision
        OR (excluded.revision = known.revision AND excluded.used > known.used)))
"""


def write_uses(uses: Iterable[Use | None], quotas: Mapping[bytes, int], now: datetime) -> None:
    """Write what a store has of quotas, in one transaction. `quotas` has the N of each. Raises django.db.Error."""
    # All writers in the same order, so that they don't wait for each other in a circle.
    known = sorted(use for use in uses if use is not None)
    if not known:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        set_lock_timeout()
        at = connection.ops.adapt_datetimefield_value(now)
        cursor.executemany(
            _UPSERT,
            [
                (use.counter.decode(), use.definition, use.ends_s, use.used, use.revision, quotas[use.counter], at)
                for use in known
            ],
        )


def seeds_of(claims: Sequence[Claim]) -> list[Use]:
    """Return what the database has of the claims' quotas, read in one query: nothing used if it has no row.

    Raises django.db.Error.
    """
    by_counter = {claim.counter: claim for claim in claims if claim.terms[0].limit is None}
    known = {use.counter: use for use in read_uses(by_counter)}
    return [_seed(claim, known.get(counter)) for counter, claim in by_counter.items()]


def uses_lost_by(stored: Iterable[Use | None], known: Iterable[Use]) -> list[Use]:
    """Return those uses in the database, `known`, of which a store has less: it went back. `stored` is what it has.

    A counter that the store doesn't have at all is left out. It is seeded when it is needed.
    """
    by_counter = {use.counter: use for use in stored if use is not None}
    return [
        use
        for use in known
        if (found := by_counter.get(use.counter)) is not None
        and found.definition == use.definition
        and (found.ends_s, found.revision, found.used) < (use.ends_s, use.revision, use.used)
    ]


def read_uses(counters: Iterable[bytes]) -> list[Use]:
    """Return what the database has of these quotas. Raises django.db.Error."""
    return [row.use for row in QuotaUse.objects.filter(counter__in=[counter.decode() for counter in counters])]


def subject_of(counter: str) -> tuple[bool, str, str]:
    """Return whether a counter is a key's, the key ID or the number of the owner's row, and the name of the limit."""
    kind, subject, limit = counter.split(":")
    return kind == KEY_COUNTER_PREFIX.decode()[0], subject, limit


def _seed(claim: Claim, known: Use | None) -> Use:
    # A row of another definition is of a limit that had the name before.
    if known is not None and known.definition == claim.definition:
        return known
    return Use(claim.counter, claim.definition, claim.terms[0].ends_s, 0)
