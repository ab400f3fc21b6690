"""GET /v1/keys: pages, filters and search."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


def test_pages_are_newest_first(api: Caller, service: ConfigService) -> None:
    made = [service.issue({"label": f"k{number}"}).key.key_id for number in range(5)][::-1]
    found: list[str] = []
    cursor = ""
    for _ in range(4):
        page = api.get(f"/v1/keys?limit=2{cursor and f'&cursor={cursor}'}").json()
        found += [item["key_id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found[:5] == made
    assert len(found) == len(set(found)) == 6


def test_number_of_queries_is_constant(api: Caller, service: ConfigService) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get("/v1/keys").status_code == 200
        return len(captured)

    api.get("/v1/whoami")
    few = queries()
    for number in range(10):
        service.issue({"label": f"k{number}"})
    assert queries() == few


@pytest.mark.parametrize(
    ("state", "labels"),
    [
        ("active", {"root", "plain", "unlimited", "rotating"}),
        ("disabled", {"disabled"}),
        ("expired", {"expired"}),
        ("revoked", {"revoked"}),
        ("unlimited", {"unlimited"}),
        ("rotating", {"rotating"}),
    ],
)
def test_filter_by_state(api: Caller, service: ConfigService, state: str, labels: set[str]) -> None:
    service.issue({"label": "plain"})
    service.issue({"label": "unlimited", "rate_limit": None})
    service.update(service.issue({"label": "disabled"}).key.key_id, {"enabled": False})
    service.rotate(service.issue({"label": "rotating"}).key.key_id)
    service.revoke(service.issue({"label": "revoked", "rate_limit": None}).key.key_id)
    expired = service.issue({"label": "expired"}).key
    APIKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    items = api.get("/v1/keys", {"state": state}).json()["items"]
    assert {item["label"] for item in items} == labels
    if state in ("active", "disabled", "expired", "revoked"):
        assert {item["state"] for item in items} == {state}


def test_search(api: Caller, service: ConfigService) -> None:
    one = service.issue({"label": "Billing EU", "owner": "ada"}).key.key_id
    two = service.issue({"label": "other", "owner": "Adam"}).key.key_id

    def search(q: str) -> set[str]:
        return {item["key_id"] for item in api.get("/v1/keys", {"q": q}).json()["items"]}

    assert search("billing") == {one}
    assert search("ada") == {one, two}
    assert search(two[:9]) == {two}
    assert search("nothing") == set()
    assert search("%") == set()


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("cursor=x", "/cursor"),
        ("cursor=AAAA", "/cursor"),
        ("cursor=__________8", "/cursor"),
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=1e1", "/limit"),
        ("limit=%D9%A3", "/limit"),
        ("limit=" + "9" * 5000, "/limit"),
        ("state=dead", "/state"),
        ("q=%00", "/q"),
        ("q=" + "x" * 201, "/q"),
    ],
)
def test_invalid_list_parameters_are_rejected(api: Caller, query: str, pointer: str) -> None:
    response = api.get(f"/v1/keys?{query}")
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
