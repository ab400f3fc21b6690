"""A secret is shown on creation and rotation, and stands nowhere else."""

import base64
from collections.abc import Callable

import pytest
from django.db import connection

from events.webhooks.secret import PREFIX
from events.webhooks.service import WebhookService
from tests.events.webhooks.conftest import Now, add_event
from tests.events.webhooks.receiver import Receiver, status


@pytest.mark.django_db(transaction=True)
def test_secret_is_not_stored_or_logged(
    endpoints: WebhookService,
    receiver: Receiver,
    play: Callable[[], None],
    now: Now,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    first = endpoints.add({"url": receiver.url})
    second = endpoints.rotate_secret(first.endpoint.endpoint_id)
    endpoints.request_test(first.endpoint.endpoint_id)
    receiver.responses = [status(500), status(500), status(410)]
    for _ in range(3):
        add_event()
        play()
        now.move(hours=1)
    with connection.cursor() as cursor:
        kept = caplog.text
        for table in ("events_webhookendpoint", "events_webhookattempt", "events_event"):
            cursor.execute(f"SELECT * FROM {table}")
            kept += str(cursor.fetchall())
    assert "webhook_disabled" in caplog.text
    assert first.endpoint.endpoint_id in caplog.text
    for secret in (first.secret, second.secret):
        text = secret.removeprefix(PREFIX)
        for written in (
            text,
            text[:12],
            base64.b64decode(text).hex(),
            base64.urlsafe_b64encode(text.encode()).decode(),
        ):
            assert written not in kept
    assert "t0ken" not in caplog.text
    with connection.cursor() as cursor:
        cursor.execute("SELECT data_json FROM events_event")
        assert "t0ken" not in str(cursor.fetchall())
