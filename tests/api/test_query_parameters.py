"""Every call of REST rejects query parameters that it does not understand."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.event_stream.handoff import StreamOffer, make_offer
from api.event_stream.view import MEDIA_TYPE
from apikeys.config_service import ConfigService, IssuedKey
from events.stream.limits import StreamLimit
from tests.conftest import Caller
from tests.openapi.document import operations

pytestmark = pytest.mark.django_db
WITHOUT_RULES = {"/health"}  # load balancers and uptime monitors append parameters against caches


def path_of(template: str, root: IssuedKey) -> str:
    known = {
        "{key_id}": root.key.key_id, "{webhook_id}": "wh_0123456789ab", "{waiver_id}": "1", "{delivery_id}": "1",
        "{name}": "team", "{slug}": "acme", "{limit_name}": "monthly", "{override_id}": "1",
    }  # fmt: skip
    for name, value in known.items():
        template = template.replace(name, value)
    return template


@pytest.mark.parametrize(("method", "path"), [(it.method, it.path) for it in operations()], ids=str)
@pytest.mark.parametrize(("query", "code"), [("nonesuch=1", "unknown-parameter"), ("%24x=", "unknown-parameter")])
def test_unknown_parameter(api: Caller, root: IssuedKey, method: str, path: str, query: str, code: str) -> None:
    response = api.generic(method, f"{path_of(path, root)}?{query}", "{}", content_type="application/json")
    if path in WITHOUT_RULES:
        assert response.status_code == 200
        return
    pointer = "/" + query.partition("=")[0].replace("%24", "$")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer)
    assert response.json()["errors"][0]["code"] == code


PARAMETERS = [
    (it.method, it.path, parameter["name"])
    for it in operations()
    for parameter in it.parameters
    if parameter["in"] == "query"
]


@pytest.mark.parametrize(("method", "path", "name"), PARAMETERS)
def test_empty_and_repeated_parameter(api: Caller, root: IssuedKey, method: str, path: str, name: str) -> None:
    for query, code in ((f"{name}=", "empty-parameter"), (f"{name}", "empty-parameter")):
        errors = api.generic(method, f"{path_of(path, root)}?{query}").json()["errors"]
        assert [(error["pointer"], error["code"]) for error in errors] == [(f"/{name}", code)]
    if name != "scope":
        errors = api.generic(method, f"{path_of(path, root)}?{name}=1&{name}=1").json()["errors"]
        assert (f"/{name}", "repeated-parameter") in [(error["pointer"], error["code"]) for error in errors]


def test_rejected_call_changes_nothing(api: Caller, service: ConfigService) -> None:
    key = service.issue({"label": "job"}).key
    for method, path in (("DELETE", ""), ("PATCH", ""), ("POST", "/rotate"), ("POST", "/rotate/finish")):
        answer = api.generic(method, f"/v1/keys/{key.key_id}{path}?force=1", "{}", content_type="application/json")
        assert answer.status_code == 422
    key.refresh_from_db()
    assert (key.revoked_at, key.epoch) == (None, 1)


def test_405_precedes_invalid_query(api: Caller) -> None:
    assert api.put("/v1/keys?x=1").status_code == 405


def test_openapi_document_takes_no_parameters(anonymous: Caller) -> None:
    assert anonymous.get("/openapi.json?format=yaml").status_code == 422


def test_scope_is_checked_before_query(service: ConfigService) -> None:
    nobody = Caller(service.issue({"label": "job"}).credential.reveal())
    assert nobody.get("/v1/keys?stat=revoked").status_code == 403


def test_stream_rejects_limit(api: Caller) -> None:
    environ: dict[str, Any] = {"HTTP_ACCEPT": MEDIA_TYPE}
    make_offer(environ, StreamOffer(StreamLimit(max_streams=1)))
    answer = api.get("/v1/events?type=KeyIssued&limit=1", **environ)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/limit")


@pytest.fixture
def four(service: ConfigService) -> list[str]:
    """The ids of four keys, newest first."""
    made = [("one", "payments"), ("two", "payments"), ("one", "billing"), ("Payments", "")]
    return [service.issue({"label": label, "owner": owner}).key.key_id for label, owner in made][::-1]


def listed(api: Caller, query: str) -> list[str]:
    return [item["key_id"] for item in api.get(f"/v1/keys?{query}").json()["items"]]


def test_owner_and_label_match_exactly(api: Caller, four: list[str]) -> None:
    assert listed(api, "owner=payments") == four[2:]
    assert listed(api, "owner=%20payments%20") == four[2:]
    assert listed(api, "owner=payment") == listed(api, "owner=Payments") == listed(api, "owner=nobody") == []
    assert listed(api, "label=one") == [four[1], four[3]]
    assert listed(api, "label=one&owner=billing") == [four[1]]


def test_filters_are_combined(api: Caller, service: ConfigService, four: list[str]) -> None:
    service.revoke(four[3])
    assert listed(api, "owner=payments&state=revoked") == [four[3]]
    assert listed(api, "owner=payments&q=two") == [four[2]]
    assert listed(api, "label=one&q=pay&state=active") == []


def test_cursor_requires_same_filters(api: Caller, four: list[str]) -> None:
    page: dict[str, Any] = api.get("/v1/keys?owner=payments&limit=1").json()
    cursor = page["next"]
    assert listed(api, f"owner=payments&cursor={cursor}") == [four[3]]
    for query in ("", "owner=billing", "owner=payments&state=active", "label=payments"):
        answer = api.get(f"/v1/keys?{query}&cursor={cursor}")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "other-filters")


@pytest.mark.parametrize("name", ["owner", "label"])
def test_filter_uses_index(api: Caller, four: list[str], name: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        api.get(f"/v1/keys?{name}=one")
    sql = next(query["sql"] for query in queries if "ORDER BY" in query["sql"] and f'"{name}" =' in query["sql"])
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            assert f"key_by_{name}" in str(cursor.fetchall())
