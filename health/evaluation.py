"""Evaluation of guard rails, with as few round trips to the database as possible.

What must hold while the event log is held is read by the round trip that takes it: the open incidents, the
waivers, and what violates those guard rails for which that matters. Which ones these are is looked up before. That
guess may be wrong, for example if a waiver ends in between; then what is missing is read while the log is held.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import compress
from types import MappingProxyType
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Q

from events.batched_sql import Rows, Statement, run_with_savepoint
from events.draft import Draft
from health.evaluation_queries import (
    read_any_violation,
    read_incidents,
    read_violating_names,
    read_violations,
    read_waivers,
)
from health.guard_rails import Finding, GuardRail
from health.guard_rails.base import QueryGuardRail
from health.guard_rails.keys import KeyGuardRail
from health.incident_changes import IncidentWriter
from health.models import Incident

log = structlog.get_logger(__name__)

ChangedKeys = Mapping[GuardRail, frozenset[str]]
"""Guard rails to evaluate, each with the keys that changed.

A guard rail is evaluated if one of its keys violates it or its incident is open; without keys, in any case.
"""

AffectedKeys = Mapping[KeyGuardRail, Q]
"""Guard rails to evaluate, each with the condition of the keys that a change of a plan or an owner affects.

A guard rail is evaluated if one of these keys violates it, or its incident is open.
"""
NO_AFFECTED_KEYS: Final[AffectedKeys] = MappingProxyType({})


class Evaluation:
    """Evaluation of guard rails while the event log is held, as an observer of `events.log`."""

    def __init__(
        self, changed_keys: ChangedKeys, now: datetime, request_id: str, affected_keys: AffectedKeys = NO_AFFECTED_KEYS
    ) -> None:
        self._changed_keys = changed_keys
        self._affected_keys = affected_keys
        self._key_ids = {key_id for key_ids in changed_keys.values() for key_id in key_ids}
        self._now = now
        self._request_id = request_id
        # Keys that changed, and the guard rails that they violate.
        self._violations_by_key: list[tuple[str, GuardRail]] = []
        # Guard rails that an affected key violates.
        self._violated_by_affected: set[GuardRail] = set()
        self._query_rails: list[QueryGuardRail] = []
        self._names_by_rail: dict[str, Sequence[str]] = {}
        self._incidents: Sequence[Incident] = ()
        self._waived: set[tuple[str, str]] = set()
        self._gave_up = False

    @property
    def _rails(self) -> Iterable[GuardRail]:
        """Return the guard rails that may matter, each once."""
        return dict.fromkeys([*self._changed_keys, *self._affected_keys])

    def reads(self) -> Sequence[Statement]:
        """Find out which guard rails matter, and return the statements that read everything about those."""
        names = [rail.name for rail in self._rails]
        try:
            state = [read_incidents(self._now), read_waivers(names, self._key_ids, self._now)]
            self._prefetch_violations(state)
            self._query_rails = [rail for rail in self._relevant_rails() if isinstance(rail, QueryGuardRail)]
            return [*state, *(read_violating_names(rail, self._now) for rail in self._query_rails)]
        except Exception as error:  # noqa: BLE001 - whatever it is, the change is kept
            self.fail(error)
            return ()

    def receive(self, found: Sequence[Rows]) -> None:
        """Take what these statements found, while the log is held."""
        if self._gave_up:
            return
        self._set_state(found[0], found[1])
        for rail, rows in zip(self._query_rails, found[2:], strict=True):
            self._names_by_rail[rail.name] = [name for (name,) in rows]

    def decide(self, draft: Draft) -> Draft:
        """Return what is to be written after `draft`: changes to incidents, and the events that report them."""
        following = draft.next_draft()
        try:
            if not self._gave_up:
                incidents = IncidentWriter(following, self._incidents, self._now, self._request_id)
                for rail in self._relevant_rails():
                    incidents.apply(rail, self._finding(rail))
        except Exception as error:  # noqa: BLE001 - whatever it is, the change is kept
            self.fail(error)
            return draft.next_draft()
        return following

    def fail(self, error: BaseException) -> None:
        """Log `error` and leave the work to the steward's next sweep.

        Raises `error` if the transaction can't be kept.
        """
        self._gave_up = True
        log.error("guard_rails_not_judged", guard_rails=[rail.name for rail in self._rails], exc_info=error)
        # Otherwise the transaction would be rolled back silently, and its change reported as made.
        if transaction.get_rollback():
            raise error

    def _prefetch_violations(self, state: Sequence[Statement]) -> None:
        """Look up which guard rails the changed keys violate, before the log is held."""
        rails = [rail for rail, key_ids in self._changed_keys.items() if key_ids and isinstance(rail, KeyGuardRail)]
        # Every other guard rail is evaluated in any case, so there is nothing to find out.
        if not rails and not self._affected_keys:
            return
        violations = [read_violations(rails, self._key_ids, self._now)] if rails else []
        affected = [read_any_violation(rail, keys, self._now) for rail, keys in self._affected_keys.items()]
        incidents, waivers, *rows = run_with_savepoint((), [*state, *violations, *affected])
        self._violations_by_key = [
            (key_id, rail)
            for key_id, *found in (rows.pop(0) if rails else ())
            for rail, is_violated in zip(rails, found, strict=True)
            if is_violated and key_id in self._changed_keys[rail]
        ]
        self._violated_by_affected = set(compress(self._affected_keys, rows))
        self._set_state(incidents, waivers)

    def _set_state(self, incidents: Sequence[Incident], waivers: Iterable[tuple[str, str]]) -> None:
        self._incidents, self._waived = incidents, set(waivers)

    def _relevant_rails(self) -> list[GuardRail]:
        """Return the guard rails that matter, by what is known so far."""
        opened = {incident.guard_rail for incident in self._incidents}
        violated = {rail for key_id, rail in self._violations_by_key if (rail.name, key_id) not in self._waived}
        violated |= self._violated_by_affected
        in_any_case = {rail for rail, keys in self._changed_keys.items() if not keys}
        return [rail for rail in self._rails if rail in in_any_case or rail.name in opened or rail in violated]

    def _finding(self, rail: GuardRail) -> Finding | None:
        if (rail.name, "") in self._waived:
            return None
        # This change may have waited for the lock, and another one that came later may have opened an incident
        # that only time caused. Evaluated at the earlier time, the incident would be closed again.
        opened = [incident.opened_at for incident in self._incidents if incident.guard_rail == rail.name]
        now = max([self._now, *opened])
        if isinstance(rail, QueryGuardRail) and rail.name in self._names_by_rail and now == self._now:
            return rail.finding(self._names_by_rail[rail.name])
        # A savepoint: if this read fails, the change is still kept.
        with transaction.atomic():
            return rail.find(now)
