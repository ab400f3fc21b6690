"""Filters of the event list. They combine, and the page's address contains them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet

from apikeys.lookup import import_event_of
from events.event_filter import of_key
from events.models import ChainHead, Event
from events.types import EventType
from latchkey.credentials import KEY_ID_PATTERN

MAX_TYPED: Final = 200
ACTOR_EVENTS: Final = 200_000
"""How many events a search for an actor reads at most."""


def _day(label: str) -> forms.DateField:
    box = forms.DateInput(attrs={"type": "date", "min": "2000-01-01", "max": "9998-12-31"})
    bounds = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(9998, 12, 31))]
    return forms.DateField(required=False, label=label, widget=box, validators=bounds)


class EventFilterForm(forms.Form):
    """The filters: a type, a text, and the first and the last day, in UTC."""

    type = forms.ChoiceField(
        choices=[("", "All"), *((name.value, name.value) for name in EventType)], required=False, label="Type"
    )
    q = forms.CharField(
        max_length=MAX_TYPED, required=False, label="Key ID, request ID or actor", widget=forms.SearchInput
    )
    since = _day("From (UTC)")
    until = _day("To (UTC)")


@dataclass(frozen=True, slots=True)
class Found:
    """Events that match, newest first, with the form that selected them; none if it has an error.

    `searched_from` is the ID of the first event that was searched, if that isn't the first one.
    """

    form: EventFilterForm
    events: QuerySet[Event]
    searched_from: int | None = None


def matching_events(query: Mapping[str, str]) -> Found:
    """Return the events that match the filters in `query`."""
    form = EventFilterForm(query)
    if not form.is_valid():
        return Found(form, Event.objects.none())
    chosen = form.cleaned_data
    end = (
        _last_id() + 1 if chosen["until"] is None else first_event_from(_midnight(chosen["until"]) + timedelta(days=1))
    )
    events = Event.objects.order_by("-id").filter(id__lt=end)
    if chosen["since"]:
        events = events.filter(id__gte=first_event_from(_midnight(chosen["since"])))
    if chosen["type"]:
        events = events.filter(type=chosen["type"])
    typed = chosen["q"].strip()
    if not typed:
        return Found(form, events)
    if KEY_ID_PATTERN.fullmatch(typed):
        return Found(form, events.filter(of_key(typed, import_event_of(typed))))
    if Event.objects.filter(request_id=typed).exists():
        return Found(form, events.filter(request_id=typed))
    # No index finds an actor, so the search ends somewhere.
    first = end - ACTOR_EVENTS
    by_actor = events.filter(Q(actor=typed) | Q(actor=f"user:{typed}"), id__gte=first)
    return Found(form, by_actor, first if first > 1 else None)


def _last_id() -> int:
    return ChainHead.objects.filter(id=1).values_list("last_id", flat=True).first() or 0


def first_event_from(moment: datetime) -> int:
    """Return the ID of the first event at or after `moment`, or the next ID if there is none.

    IDs have no gaps and are in the order of time, so a binary search finds it: 24 queries for ten million events. An
    index on the time would cost every change.
    """
    last = _last_id()
    first = Event.objects.order_by("id").values_list("id", flat=True).first() or last + 1
    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        at = Event.objects.filter(id=middle).values_list("at", flat=True).first()
        if at is not None and at >= moment:
            high = middle
        else:
            low = middle + 1
    return low


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
