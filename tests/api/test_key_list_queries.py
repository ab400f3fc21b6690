"""Pages with last use: a constant number of queries, however many keys and stores."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, UsageMark, UsageSource
from tests.conftest import Caller

pytestmark = pytest.mark.django_db

PAGES = ["/admin/apikeys/apikey/", "/admin/apikeys/apikey/export.csv", "/admin/"]


def queries(client: Client | Caller, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as found:
        response: Any = client.get(path)
        assert response.status_code == 200
        if response.streaming:
            b"".join(response.streaming_content)
    return len([query for query in found if "usagemark" in query["sql"]])


def use(service: ConfigService, number: int) -> None:
    sources = [
        UsageSource.objects.get_or_create(generation=name, defaults={"seen_at": timezone.now()})[0] for name in "ab"
    ]
    for _ in range(number):
        key = service.issue({"label": "x"}).key
        service.rotate(key.key_id)
        for source in sources:
            UsageMark.objects.create(key=key, source=source, used_0_at=timezone.now())


def test_marks_are_read_once_per_page(api: Caller, admin: Client, service: ConfigService) -> None:
    use(service, 2)
    few = [queries(api, "/v1/keys"), *(queries(admin, path) for path in PAGES)]
    use(service, 8)
    assert [queries(api, "/v1/keys"), *(queries(admin, path) for path in PAGES)] == few
    assert few[0] == 1
    assert all(item["last_used_at"] for item in api.get("/v1/keys").json()["items"] if item["label"] == "x")
    assert APIKey.objects.count() > 10
