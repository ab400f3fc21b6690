"""The document names every call, and what the server returns is what it promises."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from api.openapi_page import document as built
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey, Usage
from events.models import WebhookAttempt, WebhookEndpoint
from latchkey.problem_catalogue import CATALOGUE
from latchkey.timestamps import rfc3339
from tests.conftest import Caller
from tests.openapi.document import Operation, accepts, check_response, document, operations

BY_ID = {it.call["operationId"]: it for it in operations()}


def paths(resolver: URLResolver, prefix: str = "") -> set[str]:
    """The paths of the views of REST framework, as the document writes them."""
    found: set[str] = set()
    for pattern in resolver.url_patterns:
        whole = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found |= paths(pattern, whole)
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
            found.add("/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", whole))
    return found


def test_every_call_is_in_the_document() -> None:
    served = {path for path in paths(get_resolver()) if path.startswith(("/v1/", "/health", "/metrics"))}
    assert served == set(document()["paths"])
    assert len(served) >= 16


def test_every_call_is_described() -> None:
    tags = {tag["name"] for tag in document()["tags"]}
    summaries = [it.call["summary"] for it in operations()]
    assert all(0 < len(summary) <= 100 and not summary.endswith(".") for summary in summaries)
    assert len(set(summaries)) == len(summaries)
    assert {tag for it in operations() for tag in it.call["tags"]} == tags
    assert all(
        parameter["description"] for it in operations() for parameter in it.parameters if parameter["in"] != "path"
    )


def test_problems_of_each_call_are_declared() -> None:
    for it in operations():
        problems = {int(status) for status, response in it.call["responses"].items() if "problem+json" in str(response)}
        assert problems <= {problem.status for problem in CATALOGUE.values()}
        if it.path.startswith("/v1/"):
            assert problems >= {400, 401, 422, 429, 503}
        assert (404 in problems) >= ("{" in it.path)
        assert ({413, 415} <= problems) == ("requestBody" in it.call)


def test_no_schema_accepts_anything_but_null() -> None:
    text = json.dumps(document())
    assert '{}, {"type": "null"}' not in text
    assert '"oneOf": [{}' not in text


def test_document_stays_the_same_within_a_month_and_its_dates_lie_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    first = built()
    later = timezone.now() + timedelta(days=40)
    monkeypatch.setattr("api.openapi_page.timezone.now", lambda: later)
    assert built() != first
    example = json.loads(built()[0])["paths"]["/v1/waivers"]["post"]["requestBody"]["content"]["application/json"]
    (value,) = (it["value"]["ends_at"] for it in example["examples"].values())
    assert 30 <= (datetime.fromisoformat(value) - later).days <= 62


@pytest.fixture
def ids(api: Caller, service: ConfigService) -> dict[str, str]:
    """What the calls can be about."""
    webhook = api.post("/v1/webhooks", {"url": "https://hooks.example.com/"}).json()["id"]
    tomorrow = rfc3339(timezone.now() + timedelta(days=1))
    waiver = {"guard_rail": "unused_key", "reason": "x", "ends_at": tomorrow}
    waiver_id = api.post("/v1/waivers", waiver).json()["id"]
    delivery = WebhookAttempt.objects.create(
        endpoint=WebhookEndpoint.objects.get(),
        kind="event",
        event_id=1,
        event_type="KeyIssued",
        number=1,
        outcome="failed",
        at=timezone.now(),
        request_headers={"webhook-id": "evt_1"},
    )
    quota = {"quota": 1000, "per": "month"}
    for name, shared in (("single", "key"), ("shared", "owner")):
        limits = [{"name": "monthly", "shared": shared, "quota": quota}]
        assert api.post("/v1/plans", {"name": name, "limits": limits}).status_code == 201
    assert api.post("/v1/plans", {"name": "unused", "limits": []}).status_code == 201
    assert api.post("/v1/owners", {"name": "ACME", "slug": "acme", "plan": "shared"}).status_code == 201
    issued = service.issue({"label": "x", "plan": "single"})
    key_id = issued.key.key_id
    reserved = api.post("/v1/reservations", {"credential": issued.credential.reveal(), "ttl_seconds": 60})
    values = {"limit": "monthly", "quota": 1, "until": tomorrow, "reason": "x"}
    override = api.post("/v1/overrides", {"key_id": key_id, **values})
    return {
        "key_id": key_id,
        "name": "unused",
        "slug": "acme",
        "limit_name": "monthly",
        "override_id": str(override.json()["id"]),
        "reservation_id": reserved.json()["reservation"],
        "webhook_id": webhook,
        "delivery_id": str(delivery.pk),
        "waiver_id": str(waiver_id),
    }


Call = Callable[..., Any]


@pytest.fixture
def call(api: Caller, ids: dict[str, str]) -> Call:
    """Makes a call of the document, and checks the response against it."""

    def made(operation: Operation, body: object = None, query: str = "", client: Caller = api, **known: str) -> Any:
        path = operation.path.format(**{**ids, **known})
        sent = "" if body is None else json.dumps(body)
        response = client.generic(operation.method, f"{path}{query}", sent, content_type="application/json")
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        check_response(operation, response.status_code, media_type, response.content)
        return response

    return made


EXAMPLES = [(it, name) for it in operations() for name in it.examples]


@pytest.mark.django_db
@pytest.mark.parametrize(("operation", "name"), EXAMPLES, ids=lambda value: str(value))
def test_example_is_accepted(call: Call, operation: Operation, name: str) -> None:
    schema = operation.call["requestBody"]["content"]["application/json"]["schema"]
    assert accepts(schema, operation.examples[name])
    assert call(operation, operation.examples[name]).status_code < 300


def test_every_body_has_an_example() -> None:
    assert {str(it) for it, _ in EXAMPLES} == {str(it) for it in operations() if "requestBody" in it.call}


@pytest.mark.django_db
@pytest.mark.parametrize("operation", operations(), ids=str)
def test_responses_are_as_promised(call: Call, operation: Operation, anonymous: Caller) -> None:
    body = next(iter(operation.examples.values()), None)
    assert call(operation, body).status_code < 300
    if operation.path in ("/health", "/v1/check"):
        return
    assert call(operation, body, client=anonymous).status_code == 401
    assert call(operation, body, "?x=1").status_code == 422
    if body is not None:
        assert call(operation, {"x": 1}).status_code == 422
    if "{" in operation.path:
        unknown = {
            "key_id": "lk_000000000000", "webhook_id": "wh_000000000000", "waiver_id": "999", "override_id": "999",
            "name": "nonesuch", "slug": "nonesuch", "reservation_id": "res_000000000000_0000000000000000000000",
        }  # fmt: skip
        assert call(operation, body, **unknown).status_code == 404
    if "{delivery_id}" in operation.path:
        assert call(operation, body, delivery_id="999999999").status_code == 404
    if "{limit_name}" in operation.path:
        assert call(operation, body, limit_name="nonesuch").status_code == 404


@pytest.mark.django_db
def test_keys_of_every_state_are_as_promised(call: Call, service: ConfigService) -> None:
    unlimited = service.issue({"label": "unlimited", "rate_limit": None, "metadata": {"a": [None, 1.5]}}).key.key_id
    rotating = service.issue({"label": "rotating", "owner": "o", "expires_at": "2099-01-01T00:00:00Z"}).key.key_id
    disabled, revoked = (service.issue({"label": name}).key.key_id for name in ("disabled", "revoked"))
    service.rotate(rotating)
    service.update(disabled, {"enabled": False})
    service.revoke(revoked)
    Usage.objects.create(
        key=APIKey.objects.get(key_id=unlimited), step="hour", start=timezone.now(), allowed=1, throttled=2
    )
    assert len(call(BY_ID["list_keys"]).json()["items"]) == 6
    assert call(BY_ID["show_key"], key_id=unlimited).json()["rate_limit"] is None
    assert call(BY_ID["list_keys"], query="?limit=1").json()["next"]
    assert call(BY_ID["list_events"]).json()["items"]
    assert call(BY_ID["list_events"], query="?limit=1").json()["next"]
    assert call(BY_ID["revoke_key"], key_id=revoked).status_code == 409
    assert call(BY_ID["rotate_key"], key_id=rotating).status_code == 409
    assert call(BY_ID["update_key"], {"enabled": False}, key_id=revoked).status_code == 409


@pytest.mark.django_db
def test_verdicts_are_as_promised(call: Call, service: ConfigService) -> None:
    def verify(issued: IssuedKey, **more: Any) -> str:
        return str(call(BY_ID["verify"], {"credential": issued.credential.reveal(), **more}).json()["code"])

    unlimited = service.issue({"label": "unlimited", "rate_limit": None})
    single = service.issue({"label": "x", "rate_limit": {"burst": 1, "per_seconds": 60}})
    revoked = service.issue({"label": "revoked"})
    service.revoke(revoked.key.key_id)
    assert verify(unlimited) == "VALID"
    assert verify(unlimited, scopes=["a:b"]) == "INSUFFICIENT_SCOPE"
    assert [verify(single), verify(single)] == ["VALID", "RATE_LIMITED"]
    assert verify(revoked) == "REVOKED"
    assert call(BY_ID["verify"], {"credential": ""}).json()["code"] == "INVALID"


@pytest.mark.django_db(transaction=True)
def test_reservations_are_as_promised(call: Call, service: ConfigService, api: Caller) -> None:
    limits = [{"name": "a", "unit": "a", "rate": {"burst": 5, "per_seconds": 60}}, {"name": "b", "concurrency": 2}]
    assert api.post("/v1/plans", {"name": "reserved", "limits": limits}).status_code == 201
    credential = service.issue({"label": "x", "plan": "reserved"}).credential.reveal()
    body = {"credential": credential, "ttl_seconds": 60}
    made = [call(BY_ID["reserve"], {**body, "costs": {"a": 2}}) for _ in range(3)]
    assert [answer.status_code for answer in made] == [201, 201, 200]
    one, other = ({"reservation_id": answer.json()["reservation"]} for answer in made[:2])
    assert call(BY_ID["settle_reservation"], {"costs": {"a": 20}}, **one).status_code == 200
    assert call(BY_ID["cancel_reservation"], **one).status_code == 409
    assert call(BY_ID["cancel_reservation"], **other).status_code == 204
    assert call(BY_ID["extend_reservation"], {"ttl_seconds": 1}, **other).status_code == 409


@pytest.mark.django_db
def test_checks_are_as_promised(call: Call, service: ConfigService, anonymous: Caller) -> None:
    single = Caller(service.issue({"label": "x", "rate_limit": {"burst": 2, "per_seconds": 60}}).credential.reveal())
    check = BY_ID["check"]
    assert call(check, client=anonymous).status_code == 401
    assert call(check, query="?allow=200").status_code == 200
    assert call(check, client=single, query="?cost=3").status_code == 403
    assert call(check, client=single, query="?scope=a:b").status_code == 403
    assert [call(check, client=single).status_code for _ in range(2)] == [204, 429]
    assert call(check, query="?scpe=a:b").status_code == 422


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["down", "stopping", "degraded", "ok"])
def test_health_is_as_promised(call: Call, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from health.local_health import Status

    monkeypatch.setattr("api.health.status_now", lambda: Status(status))
    assert call(BY_ID["health"]).json() == {"status": status}
    assert call(BY_ID["health_full"]).status_code == 200
