"""Reads of an evaluation of guard rails, as templates: each change of a key reads the same, with other parameters."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from apikeys.models import APIKey
from events.batched_sql import Statement, select_statement
from events.query_template import QueryTemplate
from health.guard_rails.base import ListedGuardRail
from health.guard_rails.keys import KeyGuardRail
from health.models import Incident, Waiver


def incidents_open() -> QuerySet[Incident]:
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


def read_breaches(rails: Sequence[KeyGuardRail], key_ids: Collection[str], now: datetime) -> Statement:
    """Return the statement that reads which of the guard rails each key violates, waived or not.

    Its rows are the key ID and one bool for each guard rail.
    """
    if len(key_ids) > 1:
        return select_statement(_breaches(rails, key_ids, now))
    return _breaches_of_one(tuple(rails)).at(now, *key_ids)


def read_listed(rail: ListedGuardRail, now: datetime) -> Statement:
    """Return the statement that reads everything that violates the guard rail."""
    return _listed(rail).at(now)


def forget_templates() -> None:
    """Discard the templates: they hold values of this process's settings. They are built again at their next use."""
    for made in (_incidents, _waivers_of_one, _breaches_of_one, _listed):
        made.cache_clear()


@cache
def _incidents() -> QueryTemplate:
    return QueryTemplate(lambda _now, _key_id: incidents_open())


@cache
def _waivers_of_one(rails: tuple[str, ...]) -> QueryTemplate:
    return QueryTemplate(lambda now, key_id: _waivers(rails, ("", key_id), now))


@cache
def _breaches_of_one(rails: tuple[KeyGuardRail, ...]) -> QueryTemplate:
    return QueryTemplate(lambda now, key_id: _breaches(rails, (key_id,), now))


@cache
def _listed(rail: ListedGuardRail) -> QueryTemplate:
    return QueryTemplate(lambda now, _key_id: rail.listed(now))


def _waivers(rails: Sequence[str], key_ids: Collection[str], now: datetime) -> QuerySet[Any, Any]:
    found = Waiver.objects.in_force(now).filter(guard_rail__in=rails, key_id__in=key_ids)
    return found.order_by().values_list("guard_rail", "key_id")


def _breaches(rails: Sequence[KeyGuardRail], key_ids: Collection[str], now: datetime) -> QuerySet[Any, Any]:
    breached = [Exists(rail.in_breach(now).filter(pk=OuterRef("pk"))) for rail in rails]
    return APIKey.objects.filter(key_id__in=key_ids).order_by().values_list("key_id", *breached)
