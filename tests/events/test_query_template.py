"""A read whose SQL is made once is the read that would be made for each moment and word."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F, QuerySet

from events.batched_sql import insert_statement, run, select_statement
from events.models import Event
from events.query_template import QueryTemplate
from tests.events.test_batched_sql import event

pytestmark = pytest.mark.django_db
NOW = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def since(now: datetime, key_id: str) -> QuerySet[Any, Any]:
    """What a key did in the hour before a moment, with one constant each that is a text and a number."""
    found = Event.objects.filter(at__gt=now - 60 * MINUTE, at__lte=now, key_id=key_id, type="KeyUpdated", id__lt=9)
    return found.order_by("id").values_list("id")


@pytest.mark.parametrize("moment", [NOW, NOW + timedelta(microseconds=1), NOW - timedelta(days=40)])
def test_template_is_the_read_that_it_stands_for(moment: datetime) -> None:
    template = QueryTemplate(since)
    template.at(NOW, "before")
    made, plain = template.at(moment, "lk_0123456789ab"), select_statement(since(moment, "lk_0123456789ab"))
    assert (made.sql, list(made.params)) == (plain.sql, list(plain.params))


def test_it_finds_what_it_finds() -> None:
    run([insert_statement([event(n, at=NOW - n * 30 * MINUTE, key_id=f"k{n % 2}") for n in range(1, 5)])])
    template = QueryTemplate(since)
    assert run([template.at(NOW, "k1"), template.at(NOW, "k0"), template.at(NOW - 30 * MINUTE, "k1")]) == [
        [(1,)],
        [],
        [(1,)],
    ]


@pytest.mark.parametrize(
    "build",
    [
        lambda now, _: Event.objects.filter(id=now.year),
        lambda now, _: Event.objects.filter(at__gt=now.replace(month=12)),
        lambda now, _: Event.objects.filter(id=F("id")) if now.year == 2020 else Event.objects.all(),
    ],
    ids=["number", "no shift", "SQL"],
)
def test_unsupported_template_is_rejected(build: Any) -> None:
    with pytest.raises(TypeError):
        QueryTemplate(build).at(NOW)


@pytest.mark.parametrize(
    "build",
    [
        lambda now, _word: Event.objects.filter(at__gt=max(now, NOW - MINUTE)),
        lambda _now, word: Event.objects.filter(actor=word[:3]),
    ],
    ids=["moment", "word"],
)
def test_clamped_parameter_is_rejected(build: Any) -> None:
    with pytest.raises(TypeError):
        QueryTemplate(build).at(NOW)
