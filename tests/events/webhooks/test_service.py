"""WebhookEndpoints: what is refused, and what each change leaves."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from events.models import Event, WebhookEndpoint
from events.webhooks import service as endpoints_module
from events.webhooks.errors import WebhookNotFound, WebhookRotationInProgress
from events.webhooks.lookup import find_webhook
from events.webhooks.secret import PREFIX
from events.webhooks.service import WebhookService
from latchkey.timestamps import rfc3339
from latchkey.validation import InvalidParameters
from tests.events.webhooks.conftest import Now, add_event

pytestmark = pytest.mark.django_db
URL = "https://hooks.example/path?token=t0ken"


def faults(values: object, endpoints: WebhookService) -> list[tuple[str, str]]:
    with pytest.raises(InvalidParameters) as caught:
        endpoints.add(values)
    assert not WebhookEndpoint.objects.exists()
    assert not Event.objects.exists()
    return [(fault.pointer, fault.code) for fault in caught.value.errors]


def last_event() -> dict[str, Any]:
    event = Event.objects.last()
    assert event is not None
    return {"type": event.type, "actor": event.actor, **event.data}


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (None, "not-a-string"),
        ("", "empty"),
        ("hooks.example", "not-a-url"),
        ("//hooks.example", "not-https"),
        ("ftp://hooks.example", "not-https"),
        ("file:///etc/passwd", "not-a-url"),
        ("https://", "not-a-url"),
        ("https:///path", "not-a-url"),
        ("https://user@hooks.example", "userinfo"),
        ("https://user:pass@hooks.example", "userinfo"),
        ("https://@hooks.example", "userinfo"),
        ("https://hooks.example/#x", "fragment"),
        ("https://hooks.example/#", "fragment"),
        ("https://hooks.example:0/", "not-a-url"),
        ("https://hooks.example:65536/", "not-a-url"),
        ("https://hooks.example:x/", "not-a-url"),
        ("https://[::1/", "not-a-url"),
        ("https://[hooks.example]/", "not-a-url"),
        ("https://[::1]evil.example/", "not-a-url"),
        ("https://[::1]evil.example:443/", "not-a-url"),
        ("https://[::1]:/", "not-a-url"),
        ('https://[::1%"<b>]/x', "not-a-url"),
        ("https://[fe80::1%25eth0]/", "not-a-url"),
        ("https://evil[::1]/", "not-a-url"),
        ("https://a..b/", "not-a-url"),
        ("https://hooks.example./", "not-a-url"),
        ("https://hooks.example\\@evil.example/", "userinfo"),
        ("https://hooks.example\\evil.example/", "not-a-url"),
        ("https://hö.example/", "not-a-url"),
        ("https://hooks.example/a b", "not-a-url"),
        ("https://hooks.example/\n", "control-character"),
        ("https://" + "x" * 64 + ".example/", "not-a-url"),
        ("https://hooks.example/" + "x" * 1979, "too-long"),
    ],
)
def test_invalid_urls_are_rejected(endpoints: WebhookService, url: object, code: str) -> None:
    assert faults({"url": url}, endpoints) == [("/url", code)]


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "HTTPS://Hooks.Example",
        "https://hooks.example:8443/",
        "https://hook_s/",
        "https://192.0.2.7/",
        "https://[2001:db8::1]:8443/a",
        "https://[::ffff:192.0.2.7]/",
        "https://xn--h-hja.example/%20",
        "http://hooks.internal/",
        "https://hooks.example/" + "x" * 1978,
    ],
)
def test_valid_urls_are_accepted(endpoints: WebhookService, url: str) -> None:
    assert endpoints.add({"url": url}).endpoint.url == url


def test_without_allowed_networks_it_is_https(endpoints: WebhookService, settings: Settings) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ()
    assert faults({"url": "http://hooks.example/"}, endpoints) == [("/url", "not-https")]
    assert endpoints.add({"url": URL})


def test_all_faults_are_reported_together(endpoints: WebhookService) -> None:
    values = {"label": "x" * 201, "event_types": ["KeyIssued", "KeyEaten", 1, []], "enabled": "yes", "secret": "mine"}
    assert faults(values, endpoints) == [
        ("/url", "missing"),
        ("/label", "too-long"),
        ("/event_types/1", "not-a-type"),
        ("/event_types/2", "not-a-type"),
        ("/event_types/3", "not-a-type"),
        ("/enabled", "not-a-boolean"),
        ("/secret", "unknown-member"),
    ]
    assert faults({"url": URL, "event_types": "KeyIssued"}, endpoints) == [("/event_types", "not-an-array")]


def test_add_starts_at_end_of_log_and_reports_origin_only(endpoints: WebhookService, now: Now) -> None:
    for _ in range(3):
        add_event()
    issued = endpoints.add({"url": URL, "label": "pager", "event_types": ["KeyRevoked", "KeyIssued", "KeyRevoked"]})
    row = find_webhook(issued.endpoint.endpoint_id)
    assert (row.delivered_through, row.created_at, row.enabled, row.disabled_reason) == (4, now(), True, "")
    assert row.event_types == ["KeyIssued", "KeyRevoked"]
    assert issued.secret.startswith(PREFIX)
    assert issued.secret not in repr(issued)
    assert last_event() == {
        "type": "WebhookAdded",
        "actor": "command:test",
        "webhook_id": row.endpoint_id,
        "url": "https://hooks.example",
        "label": "pager",
        "event_types": ["KeyIssued", "KeyRevoked"],
    }


def test_there_are_at_most_fifty(endpoints: WebhookService, monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoints_module.MAX_ENDPOINTS == 50
    monkeypatch.setattr(endpoints_module, "MAX_ENDPOINTS", 2)
    endpoints.add({"url": URL})
    endpoints.add({"url": URL})
    with pytest.raises(InvalidParameters) as caught:
        endpoints.add({"url": URL})
    assert [(fault.pointer, fault.code) for fault in caught.value.errors] == [("", "too-many")]
    assert Event.objects.count() == 2


def test_update_reports_only_real_changes(endpoints: WebhookService) -> None:
    endpoint_id = endpoints.add({"url": URL}).endpoint.endpoint_id
    endpoints.update(endpoint_id, {"url": URL, "label": "", "enabled": True})
    assert Event.objects.count() == 1
    endpoints.update(endpoint_id, {"url": "https://other.example:8443/?token=t0ken", "enabled": False})
    assert last_event() == {
        "type": "WebhookUpdated",
        "actor": "command:test",
        "webhook_id": endpoint_id,
        "from": {"url": "https://hooks.example", "enabled": True},
        "to": {"url": "https://other.example:8443", "enabled": False},
    }
    assert find_webhook(endpoint_id).disabled_reason == "operator"


def test_unchanged_url_is_not_validated_again(endpoints: WebhookService, settings: Settings) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ("10.0.0.0/8",)
    url = "http://hooks.example/path"
    webhook = endpoints.add({"url": url}).endpoint
    settings.WEBHOOK_ALLOWED_NETWORKS = ()
    changed = endpoints.update(webhook.endpoint_id, {"url": url, "label": "pager"})
    assert (changed.url, changed.label) == (url, "pager")
    with pytest.raises(InvalidParameters):
        endpoints.update(webhook.endpoint_id, {"url": url + "2"})


def test_other_change_keeps_reason_and_failures(endpoints: WebhookService) -> None:
    endpoint_id = endpoints.add({"url": URL}).endpoint.endpoint_id
    WebhookEndpoint.objects.update(enabled=False, disabled_reason="dead", failures=12)
    endpoints.update(endpoint_id, {"label": "pager", "enabled": False})
    row = find_webhook(endpoint_id)
    assert (row.label, row.disabled_reason, row.failures) == ("pager", "dead", 12)
    endpoints.update(endpoint_id, {"enabled": True})
    row = find_webhook(endpoint_id)
    assert (row.disabled_reason, row.failures) == ("", 0)


def test_a_change_does_not_turn_back_the_cursor(endpoints: WebhookService, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint_id = endpoints.add({"url": URL}).endpoint.endpoint_id
    write = endpoints_module._write

    def late(*args: Any) -> None:
        WebhookEndpoint.objects.update(delivered_through=9)
        write(*args)

    monkeypatch.setattr(endpoints_module, "_write", late)
    endpoints.update(endpoint_id, {"label": "pager", "enabled": False})
    assert find_webhook(endpoint_id).delivered_through == 9


def test_rotation_creates_one_secret_at_a_time(endpoints: WebhookService, now: Now) -> None:
    first = endpoints.add({"url": URL})
    endpoint_id = first.endpoint.endpoint_id
    second = endpoints.rotate_secret(endpoint_id)
    assert second.secret != first.secret
    assert last_event() == {
        "type": "WebhookSecretRotated",
        "actor": "command:test",
        "webhook_id": endpoint_id,
        "retiring_secret_ends_at": rfc3339(now() + timedelta(days=1)),
    }
    with pytest.raises(WebhookRotationInProgress):
        endpoints.rotate_secret(endpoint_id, {"grace_seconds": 60})
    now.move(seconds=86_400)
    endpoints.rotate_secret(endpoint_id, {"grace_seconds": 60})
    endpoints.rotate_secret(endpoint_id, {"grace_seconds": 0})
    row = find_webhook(endpoint_id)
    assert (row.retiring_salt, row.retiring_pepper_id, row.retiring_until) == ("", "", None)


def test_a_test_that_waits_is_not_requested_again(endpoints: WebhookService, now: Now) -> None:
    endpoint_id = endpoints.add({"url": URL}).endpoint.endpoint_id
    requested = now()
    endpoints.request_test(endpoint_id)
    assert last_event() == {"type": "WebhookTested", "actor": "command:test", "webhook_id": endpoint_id}
    now.move(seconds=1)
    endpoints.request_test(endpoint_id)
    assert find_webhook(endpoint_id).test_requested_at == requested
    assert Event.objects.count() == 2


@pytest.mark.parametrize("grace", [-1, 2_592_001, 1.5, "60", True, None])
def test_invalid_grace_is_rejected(endpoints: WebhookService, grace: object) -> None:
    endpoint_id = endpoints.add({"url": URL}).endpoint.endpoint_id
    with pytest.raises(InvalidParameters):
        endpoints.rotate_secret(endpoint_id, {"grace_seconds": grace})
    assert Event.objects.count() == 1


def test_remove_ends_it(endpoints: WebhookService) -> None:
    endpoint_id = endpoints.add({"url": URL, "label": "pager"}).endpoint.endpoint_id
    endpoints.remove(endpoint_id)
    assert last_event() == {
        "type": "WebhookRemoved",
        "actor": "command:test",
        "webhook_id": endpoint_id,
        "url": "https://hooks.example",
        "label": "pager",
    }
    for change in (endpoints.update, endpoints.rotate_secret):
        with pytest.raises(WebhookNotFound):
            change(endpoint_id, {})
    for gone in (endpoints.remove, endpoints.request_test, find_webhook):
        with pytest.raises(WebhookNotFound):
            gone(endpoint_id)


@pytest.mark.parametrize("wrong", [{"enabled": False}, {"disabled_reason": "dead"}, {"endpoint_id": "wh_X"}])
def test_the_database_holds_the_shape(endpoints: WebhookService, wrong: dict[str, object]) -> None:
    endpoints.add({"url": URL})
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookEndpoint.objects.update(**wrong)
