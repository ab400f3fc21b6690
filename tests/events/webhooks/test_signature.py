import json
from collections.abc import Callable

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from apikeys.peppers import configured_peppers
from events.models import WebhookEndpoint
from events.webhooks.secret import derive_key, secret_text
from events.webhooks.service import WebhookService
from events.webhooks.signature import signature_headers
from latchkey.peppers import parse_peppers
from tests.events.webhooks.conftest import Now, add_event
from tests.events.webhooks.receiver import ReceivedDelivery, Receiver

Play = Callable[[], None]


def verifies(secret: str, delivery: ReceivedDelivery) -> bool:
    try:
        return bool(Webhook(secret).verify(delivery.body, delivery.headers) == json.loads(delivery.body))
    except WebhookVerificationError:
        return False


def test_the_example_of_the_specification(now: Now) -> None:
    key = b"0123456789abcdef0123456789abcdef"
    fields = signature_headers("msg_1", now(), b'{"a":1}', [key])
    assert Webhook(secret_text(key)).sign("msg_1", now(), '{"a":1}') == fields["webhook-signature"]
    assert fields["webhook-id"] == "msg_1"
    assert fields["webhook-timestamp"] == str(int(now().timestamp()))


def test_secrets_differ_by_endpoint_salt_and_pepper() -> None:
    peppers = parse_peppers("p1:" + "ab" * 32 + ",p2:" + "cd" * 32)
    keys = {derive_key(name, salt, pepper, peppers) for name in "ab" for salt in "cd" for pepper in ("p1", "p2")}
    assert len(keys) == 8
    assert {len(key) for key in keys} == {32}


@pytest.mark.django_db(transaction=True)
def test_a_receiver_verifies_a_delivery(endpoints: WebhookService, receiver: Receiver, play: Play) -> None:
    issued = endpoints.add({"url": receiver.url})
    event = add_event(label="ä\u2028😀")
    play()
    (delivery,) = receiver.deliveries
    assert verifies(issued.secret, delivery)
    assert delivery.headers["webhook-id"] == f"evt_{event.id}"
    assert delivery.event["data"] == {"label": "ä\u2028😀"}
    assert delivery.event["digest"] == event.digest
    tampered = ReceivedDelivery(delivery.path, delivery.headers, delivery.body.replace(b"KeyUpdated", b"KeyRevoked"))
    assert not verifies(issued.secret, tampered)
    assert not verifies(secret_text(b"x" * 32), delivery)


@pytest.mark.django_db(transaction=True)
def test_retiring_secret_signs_until_it_ends(
    endpoints: WebhookService, receiver: Receiver, play: Play, now: Now
) -> None:
    old = endpoints.add({"url": receiver.url})
    new = endpoints.rotate_secret(old.endpoint.endpoint_id, {"grace_seconds": 60})
    play()
    now.move(seconds=59)
    add_event()
    play()
    now.move(seconds=1)
    add_event()
    play()
    assert [verifies(old.secret, delivery) for delivery in receiver.deliveries] == [True, True, False]
    assert all(verifies(new.secret, delivery) for delivery in receiver.deliveries)
    assert len(receiver.deliveries[0].headers["webhook-signature"].split(" ")) == 2


@pytest.mark.django_db(transaction=True)
def test_secret_is_derived_from_row_and_pepper(endpoints: WebhookService, receiver: Receiver) -> None:
    issued = endpoints.add({"url": receiver.url})
    row = WebhookEndpoint.objects.get()
    assert row.pepper_id == configured_peppers().current
    key = configured_peppers().digest(f"webhook:{row.endpoint_id}:{row.salt}", row.pepper_id)
    assert issued.secret == secret_text(key)
