"""A key that may change but not read is shown nothing by the answers to its changes that GET refuses it."""

from typing import Any

import pytest
from django.utils import timezone

from apikeys import validation
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import Usage, UsageStep
from apikeys.usage.steps import step_start
from events.models import WebhookEndpoint
from latchkey.credentials import SECRET_FIELDS
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)
HIDDEN = "kept for readers"
HOOK = "https://hooks.example/hidden-token"


def caller_with(service: ConfigService, *scopes: str) -> Caller:
    values = {"label": "caller", "scopes": list(scopes), "rate_limit": {"burst": 1000, "per_seconds": 60}}
    return Caller(service.issue(values).credential.reveal())


@pytest.fixture
def key_path(service: ConfigService) -> str:
    values = {"label": HIDDEN, "owner": HIDDEN, "metadata": {"note": HIDDEN}}
    return f"/v1/keys/{service.issue(values).key.key_id}"


@pytest.fixture
def webhook_path(service: ConfigService) -> str:
    return f"/v1/webhooks/{service.webhooks.add({'url': HOOK, 'label': HIDDEN}).endpoint.endpoint_id}"


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    assert name in fields
    return {other: value for other, value in fields.items() if other != name}


@pytest.mark.parametrize(
    ("method", "path", "body", "members"),
    [
        ("patch", "", {}, {"key_id"}),
        ("patch", "", {"enabled": True}, {"key_id", "enabled"}),
        ("patch", "", {"enabled": False, "rate_limit": None}, {"key_id", "enabled", "rate_limit"}),
        ("post", "/rotate", {"grace_seconds": 60}, {"key_id", *SECRET_FIELDS}),
        ("post", "/rotate/finish", None, {"key_id"}),
    ],
)
def test_receipt_of_key(
    service: ConfigService, key_path: str, method: str, path: str, body: Any, members: set[str]
) -> None:
    writer = caller_with(service, "keys:write")
    assert writer.get(key_path).status_code == 403
    answer = getattr(writer, method)(key_path + path, body)
    assert (answer.status_code, set(answer.json())) == (200, members)
    assert HIDDEN not in answer.content.decode()
    assert answer["X-Latchkey-Effective-By"]
    both = caller_with(service, "keys:write", "keys:read")
    # The limits are read from the bucket store, so only GET has them.
    assert both.patch(key_path, {}).json() == without(both.get(key_path).json(), "limits")


def test_receipt_has_stored_values(service: ConfigService, key_path: str) -> None:
    writer = caller_with(service, "keys:write", "orders:*")
    sent = {"label": "  new  ", "scopes": ["orders:write", "orders:read"]}
    shown = writer.patch(key_path, sent).json()
    assert {name: shown[name] for name in sent} == {"label": "new", "scopes": ["orders:read", "orders:write"]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "members"),
    [
        ("patch", "", {}, 200, {"id"}),
        ("patch", "", {"label": "mine"}, 200, {"id", "label"}),
        ("post", "/rotate-secret", {"grace_seconds": 0}, 200, {"id", "secret"}),
        ("post", "/test", None, 202, {"id"}),
        ("post", "/deliveries/{delivery}/resend", None, 202, {"id"}),
    ],
)
def test_receipt_of_webhook(
    service: ConfigService, webhook_path: str, method: str, path: str, body: Any, status: int, members: set[str]
) -> None:
    writer = caller_with(service, "webhooks:write", "events:read")
    assert writer.get(webhook_path).status_code == 403
    delivery = WebhookEndpoint.objects.get().attempts.create(
        kind="event", event_id=1, event_type="KeyIssued", number=1, outcome="delivered", at=timezone.now()
    )
    assert writer.get(f"{webhook_path}/deliveries").status_code == 403
    assert writer.get(f"{webhook_path}/deliveries/{delivery.pk}").status_code == 403
    answer = getattr(writer, method)(webhook_path + path.format(delivery=delivery.pk), body)
    assert (answer.status_code, set(answer.json())) == (status, members)
    assert "hidden" not in answer.content.decode()
    both = caller_with(service, "webhooks:*", "events:read")
    assert both.patch(webhook_path, {}).json() == both.get(webhook_path).json()
    assert WebhookEndpoint.objects.get().url == HOOK


@pytest.mark.parametrize("call", ["rotate", "take away"])
@pytest.mark.parametrize("reads", [True, False])
def test_denial_shows_scopes_only_to_readers(service: ConfigService, call: str, reads: bool) -> None:
    path = f"/v1/keys/{service.issue({'label': 'x', 'scopes': ['payroll:read', 'orders:read']}).key.key_id}"
    writer = caller_with(service, "keys:write", *(["keys:read"] if reads else []))
    answer = writer.post(f"{path}/rotate") if call == "rotate" else writer.patch(path, {"scopes": ["made:up"]})
    assert answer.status_code == 403
    assert ("payroll:read" in answer.json()["detail"]) is reads
    assert ("made:up" in answer.json()["detail"]) is (call == "take away")


def test_own_usage_needs_no_scope(service: ConfigService, root: IssuedKey) -> None:
    caller = service.issue({"label": "x"})
    now = timezone.now()
    for key, allowed in ((root.key, 7), (caller.key, 3)):
        Usage.objects.create(key=key, step=UsageStep.HOUR, start=step_start(UsageStep.HOUR, now), allowed=allowed)
    client = Caller(caller.credential.reveal())
    assert client.get(f"/v1/keys/{root.key.key_id}/usage").status_code == 403
    answer = client.get("/v1/whoami/usage")
    assert (answer.status_code, [step["allowed"] for step in answer.json()]) == (200, [3])
    assert client.get("/v1/whoami/usage?step=second").json()["errors"][0]["pointer"] == "/step"


def test_openapi_document_describes_receipts(anonymous: Caller) -> None:
    schemas = anonymous.get("/openapi.json").json()["components"]["schemas"]
    for answer, receipt, members in (
        ("ChangedKey", "KeyReceipt", {"key_id", *validation.UPDATE_RULES}),
        ("RotatedKey", "RotationReceipt", {"key_id", *SECRET_FIELDS}),
        ("RotatedWebhook", "WebhookSecretReceipt", {"id", "secret"}),
        ("ChangedWebhook", "WebhookReceipt", {"id", "url", "label", "event_types", "enabled"}),
        ("ResentDelivery", "DeliveryReceipt", {"id"}),
        ("ChangedPlan", "PlanReceipt", {"name", "limits"}),
        ("ChangedOwner", "OwnerReceipt", {"slug", "display_name", "contacts", "period_anchor", "plan"}),
        ("AdjustedLimit", "LimitReceipt", {"name"}),
    ):
        assert {"$ref": f"#/components/schemas/{receipt}"} in schemas[answer]["anyOf"]
        assert set(schemas[receipt]["properties"]) == members
