"""Snapshot of policies: all plans, and the owners and overrides that matter, as a process has read them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from apikeys.models import Override, Owner, Plan, PolicyNumber
from apikeys.policies.effective import Basis, Limits, OverrideRow, OwnerFacts
from events.batched_sql import Rows, Statement, run, select_statement
from ratelimit.plan_limit import DEFAULT_UNIT

# As columns and not as instances: there may be very many owners, and the thread that reads them has 2 seconds.
_OWNER_COLUMNS: Final = ("name", "pk", "slug", "plan_id", "period_anchor")
_NO_OVERRIDES: Final[Mapping[str, OverrideRow]] = {}


class OwnerRow(NamedTuple):
    """What a process keeps of an owner."""

    row: int
    slug: str
    plan: str | None
    anchor: date | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The policies up to `number`, which never change in this object. `owners` are by name.

    `read_number` is the database's number when they were read. It is lower than `number` after the database was
    restored from a backup. `overrides` are by key ID or by the number of the owner's row. `deleted` are plans that this
    process has known. Its records of keys that have left one of them may not be dropped yet: it asks the bucket store
    as before, and the store says that the key has changed.
    """

    number: int = 0
    read_number: int = -1
    plans: Mapping[str, Limits] = field(default_factory=dict)
    owners: Mapping[str, OwnerRow] = field(default_factory=dict)
    overrides: Mapping[str | int, Mapping[str, OverrideRow]] = field(default_factory=dict)
    units: frozenset[str] = frozenset({DEFAULT_UNIT})
    deleted: Mapping[str, Limits] = field(default_factory=dict)

    def basis_of(self, key_id: str, plan: str | None, owner: str) -> Basis:
        """Return what the limits of a key depend on. Raises KeyError if its plan isn't in this snapshot."""
        own = None if plan is None else self.plans[plan] if plan in self.plans else self.deleted[plan]
        return Basis(own, self._facts(owner), self.overrides.get(key_id, _NO_OVERRIDES))

    def _facts(self, owner: str) -> OwnerFacts | None:
        found = self.owners.get(owner)
        if found is None:
            return None
        plan = () if found.plan is None else self.plans[found.plan]
        return OwnerFacts(found.row, found.slug, plan, found.anchor, self.overrides.get(found.row, _NO_OVERRIDES))


def read_after(known: Snapshot | None, newest: int, now: datetime) -> Snapshot:
    """Return the policies as the database has them: `known` with all later changes, or read completely without it.

    `newest` is the newest number that the caller knows. What the database has counts, even if its number is lower
    after a restore from a backup. Raises django.db.Error.
    """
    if known is not None:
        number, plans, owners, overrides = _read(known.read_number, now)
        if number.complete_below <= known.read_number <= number.number:
            return _merged(known, number, newest, plans, owners, overrides)
    number, plans, owners, overrides = _read(None, now)
    read = _merged(Snapshot(), number, newest, plans, owners, overrides)
    if known is None:
        return read
    names = {**known.deleted, **known.plans}
    return replace(read, deleted={name: limits for name, limits in names.items() if name not in read.plans})


def _read(after: int | None, now: datetime) -> tuple[PolicyNumber, Rows, Rows, Rows]:
    """Read the rows that have changed since the number `after`, or all that matter."""
    if after is None:
        in_force = Override.objects.filter(ended_at__isnull=True, until__gt=now)
        of_owner = Exists(in_force.filter(owner=OuterRef("pk")))
        owners = Owner.objects.filter(Q(plan__isnull=False) | Q(period_anchor__isnull=False) | of_owner)
        statements = _statements(Plan.objects.all(), owners, in_force)
    else:
        number, *changed = _changes()
        statements = [number, *(Statement(one.sql, [after], one.convert) for one in changed)]
    numbers, plans, owner_rows, overrides = run(statements)
    return (numbers[0] if numbers else PolicyNumber()), plans, owner_rows, overrides


@cache
def _changes() -> list[Statement]:
    """Return the statements that read what has changed since a number, their only parameter but that of the first.

    Compiling them takes longer than running them, and each change of policies makes all processes run them.
    """
    return _statements(*(model.objects.filter(number__gt=0) for model in (Plan, Owner, Override)))


def _statements(plans: QuerySet[Any], owners: QuerySet[Any], overrides: QuerySet[Any]) -> list[Statement]:
    # The number first: rows that are committed meanwhile may be read now, and are read again next time.
    found: list[QuerySet[Any]] = [PolicyNumber.objects.all(), plans, owners.values_list(*_OWNER_COLUMNS), overrides]
    return [select_statement(rows.order_by("pk")) for rows in found]


def _merged(known: Snapshot, number: PolicyNumber, newest: int, plans: Rows, owners: Rows, overrides: Rows) -> Snapshot:
    by_name = {**known.plans, **{plan.name: plan.parsed_limits for plan in plans}}
    units = {limit.unit for limits in by_name.values() for limit in limits}
    by_owner = {name: OwnerRow(*facts) for name, *facts in owners}
    return Snapshot(
        number=max(number.number, newest),
        read_number=number.number,
        plans=by_name,
        owners={**known.owners, **by_owner} if by_owner else known.owners,
        overrides=_with_overrides(known.overrides, overrides) if overrides else known.overrides,
        units=frozenset({DEFAULT_UNIT, *units}),
        deleted=known.deleted,
    )


def _with_overrides(
    known: Mapping[str | int, Mapping[str, OverrideRow]], rows: Rows
) -> dict[str | int, Mapping[str, OverrideRow]]:
    found = dict(known)
    # In the order of their numbers: a row that has ended comes before the one that replaced it.
    for row in sorted(rows, key=lambda row: (row.number, row.ended_at is None)):
        subject = row.key_text or row.owner_id
        of_subject = dict(found.get(subject, _NO_OVERRIDES))
        if row.ended_at is None:
            of_subject[row.limit] = OverrideRow.of(row)
        elif row.limit in of_subject and of_subject[row.limit].id == row.pk:
            del of_subject[row.limit]
        found[subject] = of_subject
    return found
