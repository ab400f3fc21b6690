"""Order of the key list: every page continues where the previous one ended, also among equal values."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.cursor import Cursor
from apikeys.models import APIKey
from console.keys import key_list
from console.keys.order import ORDERS
from console.keys.query import KeyQuery
from latchkey.timestamps import rfc3339
from tests.console.keys.pages import LIST

pytestmark = pytest.mark.django_db


@pytest.fixture
def keys(service: ConfigService) -> list[APIKey]:
    now = timezone.now()
    return [
        service.issue(
            {
                "label": f"label {number * 7 % 5}",
                "owner": ("payments", "", "billing")[number % 3],
                **({"expires_at": rfc3339(now + timedelta(days=1 + number * 3 % 4))} if number % 2 else {}),
            }
        ).key
        for number in range(11)
    ]


def walk(admin: Client, query: str) -> list[int]:
    found = []
    cursor: str | None = ""
    while cursor is not None:
        context = admin.get(LIST + query + (f"&cursor={cursor}" if cursor else "")).context
        found += [row.key.pk for row in context["rows"]]
        cursor = context["next"]
    return found


@pytest.mark.parametrize("sort", ORDERS)
def test_pages_are_in_order(admin: Client, keys: list[APIKey], sort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_list, "PAGE", 3)
    listed = APIKey.objects.filter(pk__in=[key.pk for key in keys])
    order = ORDERS[sort]
    if order.field == "expires_at":
        listed = listed.exclude(expires_at=None)
    expected = sorted(listed, key=lambda key: (getattr(key, order.field), key.pk), reverse=order.descending)
    assert walk(admin, f"?sort={sort}") == [key.pk for key in expected]


def test_order_combines_with_search_owner_and_filter(admin: Client, keys: list[APIKey]) -> None:
    page = admin.get(LIST, {"q": "label", "owner": "payments", "filter": "active", "sort": "label"})
    labels = [row.key.label for row in page.context["rows"]]
    assert labels == sorted(labels)
    assert {row.key.owner for row in page.context["rows"]} == {"payments"}
    text = page.content.decode()
    assert re.search(r'<th scope="col" aria-sort="ascending"><a href="\?[^"]*sort=-label">Key</a>', text)
    assert "sort=label" in next(str(other) for name, other, _ in page.context["choices"] if name == "revoked")


def test_unknown_orders_are_ignored(admin: Client, keys: list[APIKey]) -> None:
    assert walk(admin, "?sort=secret") == [key.pk for key in reversed(keys)]


def test_cursor_of_another_order_begins_again(
    admin: Client, keys: list[APIKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_list, "PAGE", 3)
    cursor = admin.get(LIST + "?sort=label").context["next"]
    assert admin.get(f"{LIST}?sort=-label&cursor={cursor}").context["beginning"]


def test_list_by_expiry_names_what_is_missing(admin: Client, keys: list[APIKey]) -> None:
    assert "Keys that never expire" in admin.get(LIST + "?sort=expires").content.decode()
    assert "Keys that never expire" not in admin.get(LIST).content.decode()


@pytest.mark.parametrize("sort", ["expires", "-expires"])
def test_page_after_a_key_that_no_longer_expires_begins_again(
    admin: Client, keys: list[APIKey], service: ConfigService, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(key_list, "PAGE", 1)
    page = admin.get(f"{LIST}?sort={sort}").context
    (first,) = page["rows"]
    service.update(first.key.key_id, {"expires_at": None})
    (shown,) = admin.get(f"{LIST}?sort={sort}&cursor={page['next']}").context["rows"]
    assert shown.key == ORDERS[sort].sort(APIKey.objects.exclude(expires_at=None)).first()


@pytest.mark.parametrize("sort", ["label", "-owner", "expires"])
def test_made_up_cursor_is_no_error(admin: Client, keys: list[APIKey], sort: str) -> None:
    cursor = Cursor.below(10**9, KeyQuery(sort=sort).as_dict())
    assert admin.get(f"{LIST}?sort={sort}&cursor={cursor}").context["rows"]
