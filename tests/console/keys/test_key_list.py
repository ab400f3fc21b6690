"""List of keys: pages, search, filters and a constant number of queries."""

import re
from typing import Any

import pytest
from django.test import Client

from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from tests.console.keys.pages import LIST, path

pytestmark = pytest.mark.django_db


def test_list_pages_searches_and_filters(admin: Client, service: ConfigService) -> None:
    for number in range(60):
        service.issue(
            {"label": f"worker-{number:02}", "rate_limit": None if number == 7 else {"burst": 5, "per_seconds": 5}}
        )

    def labels(query: str) -> list[str]:
        return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', admin.get(LIST + query).content.decode())

    first = admin.get(LIST)
    assert len(labels("")) == 50
    assert labels(f"?cursor={first.context['next']}") == [f"worker-{number:02}" for number in range(9, -1, -1)]
    assert labels("?q=RKER-42") == ["worker-42"]
    assert labels("?filter=unlimited") == ["worker-07"]
    assert labels("?q=worker&filter=revoked") == []
    assert len(labels("?cursor=nonsense")) == 50
    assert len(labels("?filter=nonsense")) == 50


@pytest.mark.parametrize("page", ["/admin/", LIST, LIST + "?q=worker", "key"])
def test_number_of_queries_does_not_grow_with_keys(
    admin: Client, service: ConfigService, page: str, django_assert_max_num_queries: Any
) -> None:
    def count() -> int:
        with django_assert_max_num_queries(60) as queries:
            assert admin.get(page if page != "key" else path(APIKey.objects.latest("pk"))).status_code == 200
        return len(queries)

    service.issue({"label": "worker", "rate_limit": None})
    few = count()
    for number in range(30):
        key = service.issue({"label": f"worker {number}", "rate_limit": None}).key
        service.rotate(key.key_id)
    assert count() <= few + 2


def test_filters_and_owner_combine(admin: Client, service: ConfigService) -> None:
    wanted = service.issue({"label": "one", "owner": "payments", "rate_limit": None}).key
    service.issue({"label": "two", "owner": "payments eu", "rate_limit": None})
    service.issue({"label": "three", "owner": "payments"})
    page = admin.get(LIST, {"owner": "payments", "filter": ["unlimited", "active"]})
    assert [row.key.pk for row in page.context["rows"]] == [wanted.pk]
    links = {name: str(other) for name, other, _ in page.context["choices"]}
    assert links["unlimited"] == "owner=payments&filter=active"
    assert links["revoked"] == "owner=payments&filter=unlimited&filter=revoked", "a key has one state"
    assert links["rotating"] == "owner=payments&filter=active&filter=unlimited&filter=rotating"
