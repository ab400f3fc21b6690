"""/v1/owners: create, list, show, change and delete, as a client sees them."""

import pytest

from apikeys.config_service import ConfigService
from events.models import Event
from tests.api.plans import MONTHLY, pointers
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


def test_create_and_show(api: Caller) -> None:
    created = api.post("/v1/owners", {"name": "ACME & Söhne", "contacts": ["api@acme.example"]})
    assert created.status_code == 201
    owner = created.json()
    assert (created["Location"], created["ETag"]) == (f"/v1/owners/{owner['slug']}", '"1"')
    assert owner == {
        "name": "ACME & Söhne",
        "slug": owner["slug"],
        "display_name": "",
        "contacts": ["api@acme.example"],
        "period_anchor": None,
        "plan": None,
    }
    assert api.get(created["Location"]).json() == owner
    assert Event.objects.latest("id").type == "OwnerCreated"
    assert api.get("/v1/owners/other").status_code == 404


def test_all_faults_are_reported_with_their_pointers(api: Caller) -> None:
    values = {
        "name": "", "slug": "A B", "display_name": 1, "contacts": ["ok", ""], "period_anchor": "2026-02-30",
        "plan": 7, "more": 1,
    }  # fmt: skip
    assert set(pointers(api.post("/v1/owners", values))) == {
        "/name", "/slug", "/display_name", "/contacts/1", "/period_anchor", "/plan", "/more",
    }  # fmt: skip
    assert list(pointers(api.post("/v1/owners", {"name": "x", "plan": "unknown"}))) == ["/plan"]
    assert list(pointers(api.post("/v1/owners", {}))) == ["/name"]


def test_name_and_slug_are_unique_and_stay(api: Caller) -> None:
    path = api.post("/v1/owners", {"name": "ACME", "slug": "acme"})["Location"]
    assert "/name" in pointers(api.post("/v1/owners", {"name": "ACME", "slug": "other"}))
    assert "/slug" in pointers(api.post("/v1/owners", {"name": "Other", "slug": "acme"}))
    for values in ({"name": "Other"}, {"slug": "other"}):
        assert list(pointers(api.patch(path, values))) == [f"/{next(iter(values))}"]


def test_list_is_filtered_and_paged(api: Caller) -> None:
    api.post("/v1/plans", {"name": "team", "limits": [MONTHLY]})
    for name, more in (("ACME", {"plan": "team"}), ("Globex", {"display_name": "Acme's partner"}), ("Initech", {})):
        assert api.post("/v1/owners", {"name": name, **more}).status_code == 201

    def names(query: str) -> list[str]:
        return [owner["name"] for owner in api.get(f"/v1/owners{query}").json()["items"]]

    assert names("") == ["Initech", "Globex", "ACME"]
    assert names("?q=acme") == ["Globex", "ACME"]
    assert names("?plan=team") == names("?plan=team&q=cm") == ["ACME"]
    assert names("?plan=other") == []
    first = api.get("/v1/owners?q=acme&limit=1").json()
    assert names(f"?q=acme&limit=1&cursor={first['next']}") == ["ACME"]
    assert pointers(api.get(f"/v1/owners?cursor={first['next']}")) == {"/cursor": "other-filters"}


def test_change_with_etag(api: Caller) -> None:
    created = api.post("/v1/owners", {"name": "ACME"})
    path, first = created["Location"], created["ETag"]
    values = {"display_name": "Acme Inc.", "period_anchor": "2026-01-31", "contacts": ["a", "b"]}
    changed = api.patch(path, values, headers={"If-Match": first})
    assert changed.json() == {**created.json(), **values}
    assert changed["ETag"] != first
    assert api.patch(path, {"contacts": []}, headers={"If-Match": first}).status_code == 412
    assert api.delete(path, headers={"If-Match": first}).status_code == 412


def test_owner_with_keys_is_not_deleted(api: Caller, service: ConfigService) -> None:
    path = api.post("/v1/owners", {"name": "ACME"})["Location"]
    key_id = service.issue({"label": "x", "owner": "ACME"}).key.key_id
    refused = api.delete(path)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "in-use")
    service.update(key_id, {"owner": ""})
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_plan_of_an_owner_is_in_use(api: Caller) -> None:
    api.post("/v1/plans", {"name": "team", "limits": [MONTHLY]})
    path = api.post("/v1/owners", {"name": "ACME", "plan": "team"})["Location"]
    assert api.delete("/v1/plans/team").status_code == 409
    assert api.patch(path, {"plan": None}).json()["plan"] is None
    assert api.delete("/v1/plans/team").status_code == 204


def test_response_without_read_is_what_was_sent(api: Caller, service: ConfigService) -> None:
    path = api.post("/v1/owners", {"name": "ACME", "slug": "acme", "contacts": ["a"]})["Location"]
    writer = Caller(service.issue({"label": "w", "scopes": ["owners:write"]}).credential.reveal())
    assert writer.get(path).status_code == 403
    assert writer.patch(path, {"display_name": "A"}).json() == {"slug": "acme", "display_name": "A"}
