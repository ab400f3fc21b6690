"""Reads of an evaluation of guard rails, as templates: each change of a key reads the same, with other parameters."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from apikeys.models import APIKey
from events.batched_sql import Statement, select_statement
from events.query_template import QueryTemplate
from health.guard_rails.base import QueryGuardRail
from health.guard_rails.keys import KeyGuardRail
from health.models import Incident, Waiver


def open_incidents_query() -> QuerySet[Incident]:
    """Return the open incidents, the oldest first."""
    return Incident.objects.filter(closed_at__isnull=True).order_by("opened_at", "pk")


def read_incidents(now: datetime) -> Statement:
    """Return the statement that reads the open incidents."""
    return _incidents().at(now)


def read_waivers(rails: Sequence[str], key_ids: Collection[str], now: datetime) -> Statement:
    """Return the statement that reads the waivers in force, for all keys or one of `key_ids`.

    Its rows are guard rail and key ID.
    """
    # A template has room for a single key ID.
    if len(key_ids) > 1:
        return select_statement(_waivers(rails, {"", *key_ids}, now))
    return _waivers_of_one(tuple(rails)).at(now, *key_ids)


def read_violations(rails: Sequence[KeyGuardRail], key_ids: Collection[str], now: datetime) -> Statement:
    """Return the statement that reads which of the guard rails each key violates, waived or not.

    Its rows are the key ID and one bool for each guard rail.
    """
    if len(key_ids) > 1:
        return select_statement(_violations(rails, key_ids, now))
    return _violations_of_one(tuple(rails)).at(now, *key_ids)


def read_any_violation(rail: KeyGuardRail, keys: Q, now: datetime) -> Statement:
    """Return the statement that reads one of these keys that violates the guard rail and isn't waived, if any does."""
    return select_statement(rail.unwaived(now).filter(keys).order_by().values_list("pk")[:1])


def read_violating_names(rail: QueryGuardRail, now: datetime) -> Statement:
    """Return the statement that reads everything that violates the guard rail."""
    return _violating_names(rail).at(now)


def clear_templates() -> None:
    """Discard the templates: they hold values of this process's settings. They are built again at their next use."""
    for made in (_incidents, _waivers_of_one, _violations_of_one, _violating_names):
        made.cache_clear()


@cache
def _incidents() -> QueryTemplate:
    return QueryTemplate(lambda _now, _key_id: open_incidents_query())


@cache
def _waivers_of_one(rails: tuple[str, ...]) -> QueryTemplate:
    return QueryTemplate(lambda now, key_id: _waivers(rails, ("", key_id), now))


@cache
def _violations_of_one(rails: tuple[KeyGuardRail, ...]) -> QueryTemplate:
    return QueryTemplate(lambda now, key_id: _violations(rails, (key_id,), now))


@cache
def _violating_names(rail: QueryGuardRail) -> QueryTemplate:
    return QueryTemplate(lambda now, _key_id: rail.violating_names(now))


def _waivers(rails: Sequence[str], key_ids: Collection[str], now: datetime) -> QuerySet[Any, Any]:
    found = Waiver.objects.in_force(now).filter(guard_rail__in=rails, key_id__in=key_ids)
    return found.order_by().values_list("guard_rail", "key_id")


def _violations(rails: Sequence[KeyGuardRail], key_ids: Collection[str], now: datetime) -> QuerySet[Any, Any]:
    violated = [Exists(rail.all_violating(now).filter(pk=OuterRef("pk"))) for rail in rails]
    return APIKey.objects.filter(key_id__in=key_ids).order_by().values_list("key_id", *violated)
