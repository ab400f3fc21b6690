"""The heaviest and most throttled keys and owners on the overview."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.models import Usage, UsageRanking, UsageStep
from apikeys.usage.ranking import rank_usage_if_due
from apikeys.usage.steps import step_start

pytestmark = pytest.mark.django_db


def card(admin: Client, id_: str) -> str:
    page = admin.get("/admin/").content.decode()
    (found,) = re.findall(rf'<h2 id="{id_}">.*?</section>', page, re.DOTALL)
    return str(found)


def test_overview_shows_ranking(admin: Client, service: ConfigService) -> None:
    key = service.issue({"label": "<b>night</b> export", "owner": "Zoë & co"}).key
    today = step_start(UsageStep.DAY, timezone.now())
    Usage.objects.create(key=key, step="day", start=today, allowed=1_234_567, throttled=89)
    for id_ in ("allowed-keys", "throttled-keys"):
        text = card(admin, id_)
        assert f'/admin/apikeys/apikey/{key.key_id}/change/">&lt;b&gt;night&lt;/b&gt; export</a>' in text
        assert re.findall(r'"number">([\d,]+)<', text) == ["1,234,567", "89"]
    for id_ in ("allowed-owners", "throttled-owners"):
        text = card(admin, id_)
        (link,) = re.findall(r'<a href="([^"]+)">', text)
        assert "Zoë &amp; co</a>" in text
        assert key.key_id in admin.get(link).content.decode()
        assert re.search("Owned by <a [^>]+>Zoë &amp; co</a>", admin.get(link).content.decode())


def test_overview_without_requests_says_so(admin: Client) -> None:
    text = card(admin, "allowed-keys")
    assert "None." in text
    assert re.search(r"Requests on \d{4}-\d\d-\d\d, up to \d\d:\d\d UTC\.", text)


def test_overview_of_many_keys_reads_what_was_ranked(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apikeys.usage.ranking.ALWAYS_RANKED", -1)
    assert "Not counted yet." in card(admin, "allowed-keys")
    rank_usage_if_due(timezone.now())
    UsageRanking.objects.update(ranked_at=timezone.now() - timedelta(days=3))
    day = timezone.now() - timedelta(days=3)
    with CaptureQueriesContext(connection) as queries:
        assert f"Requests on {day:%Y-%m-%d}, up to" in card(admin, "allowed-keys")
    reads = [query["sql"] for query in queries if "apikeys_usageranking" in query["sql"]]
    assert len(reads) == 1
    assert not [query["sql"] for query in queries if 'FROM "apikeys_usage"' in query["sql"]]


def test_overview_reads_incidents_and_counts_once(admin: Client, service: ConfigService) -> None:
    service.issue({"label": "x", "rate_limit": None})
    with CaptureQueriesContext(connection) as queries:
        page = admin.get("/admin/").content.decode()
    assert re.search(r'data-count="\d+">Incidents<', page)
    assert re.search(r'data-count="1">Keys<', page)
    statements = [query["sql"] for query in queries]
    assert len([it for it in statements if it.startswith("SELECT") and 'FROM "health_incident"' in it]) == 1
    census = [it for it in statements if it.startswith("SELECT") and 'FROM "apikeys_keycensus"' in it]
    # `update_or_create` reads the row that it replaces.
    assert len(census) == 2


def test_page_of_another_section_reads_incidents_once(admin: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        admin.get("/admin/events/event/")
    assert len([query for query in queries if 'FROM "health_incident"' in query["sql"]]) == 1
