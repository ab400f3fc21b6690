"""The calls about webhooks against a server that answers as told."""

import json
from typing import Any, Final

import pytest

from latchkey import Client
from latchkey.client.failures import WrongServer
from latchkey.client.retries import RetryPolicy
from latchkey.client.webhook import Delivery, DeliveryReceipt, Webhook, WebhookReceipt
from tests.latchkey.client.responses import json_response, problem_response
from tests.latchkey.stub import Stub, StubResponse

ID: Final = "wh_0123456789ab"
SECRET: Final = "whsec_" + "A" * 43 + "="
WEBHOOK: Final[dict[str, Any]] = {
    "id": ID, "url": "https://hooks.example/x", "label": "pager", "event_types": ["KeyIssued"], "enabled": True,
    "disabled_reason": "", "created_at": "2027-01-31T09:30:00Z", "of_a_later_version": 1,
}  # fmt: skip
DELIVERY: Final[dict[str, Any]] = {
    "id": 7, "kind": "event", "event_id": 3, "event_type": "KeyIssued", "attempt": 1, "outcome": "failed",
    "status": None, "error": "time-out", "at": "2027-01-31T09:30:00Z", "duration_ms": 10_000,
    "next_attempt_at": "2027-01-31T09:30:05Z",
}  # fmt: skip


def test_webhooks_have_types(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response({"items": [WEBHOOK]}), json_response(WEBHOOK, ETag='"3"')]
    (listed,) = client.webhooks.list()
    shown = client.webhooks.show(ID)
    assert (listed.id, listed.event_types, listed.etag) == (ID, ("KeyIssued",), None)
    assert (shown.etag, shown.document["of_a_later_version"]) == ('"3"', 1)
    assert [request.target for request in server.requests] == ["/v1/webhooks", f"/v1/webhooks/{ID}"]


def test_issued_webhook_does_not_show_its_secret(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses.append(json_response({**WEBHOOK, "secret": SECRET}, 201, ETag='"0"'))
    issued = client.webhooks.create(WEBHOOK["url"], event_types=["KeyIssued"])
    assert issued.secret == SECRET
    assert SECRET not in repr(issued)
    assert json.loads(server.requests[0].body) == {"url": WEBHOOK["url"], "event_types": ["KeyIssued"]}


def test_secret_that_was_lost_is_replaced(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [
        problem_response(503, "unavailable"),
        json_response(WEBHOOK, 201, ETag='"0"'),
        json_response({**WEBHOOK, "secret": SECRET}),
    ]
    assert client.with_retries(RetryPolicy()).webhooks.create(WEBHOOK["url"]).secret == SECRET
    first, again, rotation = server.requests
    assert first.fields["idempotency-key"] == again.fields["idempotency-key"]
    assert (rotation.target, json.loads(rotation.body)) == (f"/v1/webhooks/{ID}/rotate-secret", {"grace_seconds": 0})
    assert rotation.fields["if-match"] == '"0"'


def test_changes_return_webhooks_or_receipts(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response(WEBHOOK), json_response({"id": ID}, 202), StubResponse(204, {}, b"")]
    assert isinstance(client.webhooks.update(ID, label="x", if_match='"3"'), Webhook)
    assert client.webhooks.test(ID) == WebhookReceipt(ID, {})
    client.webhooks.remove(ID, if_match='"3"')
    assert [request.fields.get("if-match") for request in server.requests] == ['"3"', None, '"3"']


def test_deliveries(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [
        json_response({"items": [DELIVERY], "next": 7}),
        json_response({**DELIVERY, "request": {}}),
        json_response({**DELIVERY, "id": 8, "outcome": "pending"}, 202),
        json_response({"id": 9}, 202),
    ]
    page = client.webhooks.deliveries(ID, before=8, limit=1)
    assert (page.next, page.deliveries[0].error, page.deliveries[0].status) == (7, "time-out", None)
    assert client.webhooks.delivery(ID, 7).document["request"] == {}
    resent = client.webhooks.resend(ID, 7)
    assert isinstance(resent, Delivery)
    assert resent.outcome == "pending"
    assert client.webhooks.resend(ID, 7) == DeliveryReceipt(9, {"id": 9})
    assert [request.target for request in server.requests] == [
        f"/v1/webhooks/{ID}/deliveries?before=8&limit=1",
        f"/v1/webhooks/{ID}/deliveries/7",
        f"/v1/webhooks/{ID}/deliveries/7/resend",
        f"/v1/webhooks/{ID}/deliveries/7/resend",
    ]


@pytest.mark.parametrize("webhook_id", ["", "wh_X", f"{ID}/../keys", f"{ID}?x=1", "lk_0123456789ab"])
def test_other_texts_are_no_ids(client: Client, server: Stub, webhook_id: str) -> None:
    for call in (client.webhooks.show, client.webhooks.remove, client.webhooks.deliveries):
        with pytest.raises(ValueError, match="a webhook ID must be"):
            call(webhook_id)
    assert server.requests == []


@pytest.mark.parametrize("name", ["id", "kind", "outcome", "at"])
def test_delivery_of_another_shape_is_from_a_wrong_server(
    client: Client, responses: list[StubResponse], name: str
) -> None:
    responses.append(json_response({**DELIVERY, name: []}))
    with pytest.raises(WrongServer):
        client.webhooks.delivery(ID, 7)
