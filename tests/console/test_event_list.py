"""List of events: filters that combine, pages, and the export of what matches."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apikeys.config_service import ConfigService, IssuedKey
from console.events import event_list, filters
from console.events.filters import first_event_from, matching_events
from events import log
from events.models import Event
from events.origin import Origin
from events.types import EventType

pytestmark = pytest.mark.django_db
LIST = "/admin/events/event/"
NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def days() -> list[int]:
    """Append an event at noon of ten days from NEW_YEAR on; return the IDs."""
    for day in range(10):
        at = NEW_YEAR + timedelta(days=day, hours=12)
        log.append(
            EventType.OPERATOR_SIGNED_OUT, origin=Origin("user:mara", f"r.{day}"), at=at, data={"because": "asked"}
        )
    return list(Event.objects.order_by("id").values_list("id", flat=True))


def shown(client: Client, **query: str) -> list[int]:
    """Return the IDs of the events on the page."""
    page = client.get(LIST, query)
    assert page.status_code == 200
    return [line.event.pk for line in page.context["lines"]]


def exported(client: Client, form: str, **query: str) -> str:
    return b"".join(client.get(f"{LIST}export.{form}?{urlencode(query)}")).decode()


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2030-01-01", "", range(10)),
        ("2030-01-03", "2030-01-04", (2, 3)),
        ("2030-01-10", "", (9,)),
        ("", "2030-01-01", (0,)),
        ("2030-01-11", "", ()),
        ("", "2029-12-31", ()),
        ("2030-01-05", "2030-01-04", ()),
    ],
)
def test_days_are_whole(admin: Client, days: list[int], since: str, until: str, expected: list[int]) -> None:
    listed = [pk for pk in shown(admin, since=since, until=until) if pk in days]
    assert listed == [days[day] for day in reversed(expected)]


@pytest.mark.parametrize("day", range(-1, 11))
def test_first_event_is_found_with_few_queries(days: list[int], day: int, django_assert_max_num_queries: Any) -> None:
    moment = NEW_YEAR + timedelta(days=day)
    with django_assert_max_num_queries(7):
        found = first_event_from(moment)
    assert found == min((pk for pk in days if Event.objects.get(pk=pk).at >= moment), default=days[-1] + 1)


def test_no_event_at_all() -> None:
    assert first_event_from(NEW_YEAR) == 1


def test_filters_combine(admin: Client, service: ConfigService) -> None:
    key, other = service.issue({"label": "one"}).key, service.issue({"label": "two"}).key
    for one in (key, other):
        service.update(one.key_id, {"enabled": False})
    (revoked,) = shown(admin, type="KeyDisabled", q=key.key_id)
    event = Event.objects.get(pk=revoked)
    assert (event.type, event.key_id) == ("KeyDisabled", key.key_id)
    assert len(shown(admin, q=key.key_id)) == 2
    assert shown(admin, q=event.request_id, type="KeyDisabled")[0] >= revoked
    assert len(shown(admin, q="command:test", type="KeyIssued")) == 2
    assert shown(admin, q="nothing") == []


def test_pages_keep_the_filters(admin: Client, days: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_list, "PAGE", 4)
    seen, query = list[int](), {"type": "OperatorSignedOut", "since": "2030-01-02"}
    page = admin.get(LIST, query)
    while True:
        seen += [line.event.pk for line in page.context["lines"]]
        if page.context["next"] is None:
            break
        link = f"type=OperatorSignedOut&amp;since=2030-01-02&amp;before={page.context['next']}"
        assert link in page.content.decode()
        page = admin.get(LIST, {**query, "before": page.context["next"]})
    assert seen == list(reversed(days[1:]))


@pytest.mark.parametrize(
    "query",
    [{"since": "tomorrow"}, {"until": "9999-12-31"}, {"since": "0001-01-01"}, {"type": "KeyStolen"}, {"q": "x" * 201}],
)
def test_wrong_filter_shows_its_error_and_no_event(admin: Client, days: list[int], query: dict[str, str]) -> None:
    page = admin.get(LIST, query)
    assert page.context["lines"] == []
    assert 'class="error"' in page.content.decode()
    for form in ("csv", "jsonl"):
        assert admin.get(f"{LIST}export.{form}", query).status_code == 400


@pytest.mark.parametrize("before", ["0", "x", "9" * 30, "-1", "٣"])
def test_odd_position_is_ignored_or_empty(admin: Client, days: list[int], before: str) -> None:
    assert admin.get(LIST, {"before": before}).status_code == 200


def test_exports_have_what_matches(admin: Client, days: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_list, "_EXPORTED", 3)
    query = {"type": "OperatorSignedOut", "since": "2030-01-03"}
    lines = [json.loads(line) for line in exported(admin, "jsonl", **query).splitlines()]
    assert [line["id"] for line in lines] == list(reversed(days[2:]))
    assert lines[0]["data"] == {"because": "asked"}
    assert set(lines[0]) == {"id", "type", "at", "actor", "request_id", "key_id", "data", "digest"}
    rows = list(csv.DictReader(StringIO(exported(admin, "csv", **query))))
    assert [int(row["id"]) for row in rows] == [line["id"] for line in lines]
    assert rows[0]["data"] == '{"because":"asked"}'


def test_export_has_the_digests_of_the_log(admin: Client, root: IssuedKey) -> None:
    newest = json.loads(exported(admin, "jsonl").splitlines()[0])
    assert newest["digest"] == Event.objects.latest("id").digest


def test_export_needs_the_permission(client: Client, root: IssuedKey) -> None:
    client.force_login(User.objects.create_user("vi", is_staff=True))
    for form in ("csv", "jsonl"):
        assert client.get(f"{LIST}export.{form}").status_code == 403
    assert client.get(LIST).status_code == 403


def test_request_is_found_by_its_index(admin: Client, days: list[int], django_assert_max_num_queries: Any) -> None:
    found = matching_events({"q": "r.4"}).events
    assert [event.pk for event in found] == [days[4]]
    assert "actor" not in str(found.query).partition("WHERE")[2]


def test_search_for_an_actor_ends(admin: Client, days: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "ACTOR_EVENTS", 3)
    page = admin.get(LIST, {"q": "mara"})
    assert [line.event.pk for line in page.context["lines"]] == [pk for pk in reversed(days) if pk > max(days) - 3]
    assert f"from event {page.context['searched_from']} on" in page.content.decode()
    earlier = admin.get(LIST, {"q": "mara", "until": "2030-01-03"})
    assert days[2] in [line.event.pk for line in earlier.context["lines"]]
