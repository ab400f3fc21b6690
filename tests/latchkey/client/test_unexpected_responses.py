"""Responses that do not come from a Latchkey server are recognized."""

import pytest

from latchkey import Client
from latchkey.client.failures import NotJSON, TimedOut, WrongServer
from tests.latchkey.client.responses import KEY, KEY_ID, json_response
from tests.latchkey.dripping import dripping
from tests.latchkey.stub import Stub, StubResponse, stub


@pytest.mark.parametrize(
    ("response", "failure"),
    [
        (json_response([]), WrongServer),
        (json_response(KEY, 200, **{"X-Request-Id": ""}), WrongServer),
        (json_response({**KEY, "created_at": "2027-01-31T09:30:00"}), WrongServer),
        (json_response({**KEY, "enabled": 1}), WrongServer),
        (json_response({**KEY, "scopes": [1]}), WrongServer),
        (StubResponse(200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"x"), NotJSON),
        (StubResponse(200, {"Content-Type": "text/html"}, b"<html>"), NotJSON),
    ],
)
def test_unexpected_responses(
    client: Client, responses: list[StubResponse], response: StubResponse, failure: type[Exception]
) -> None:
    responses.append(response)
    with pytest.raises(failure):
        client.keys.show(KEY_ID)


def test_key_is_not_sent_on(client: Client, responses: list[StubResponse], server: Stub) -> None:
    with stub(lambda _: json_response(KEY)) as other:
        responses.append(StubResponse(307, {"Location": f"{other.url}/v1/keys/{KEY_ID}"}))
        with pytest.raises(WrongServer, match="redirects to"):
            client.keys.show(KEY_ID)
        assert other.requests == []


def test_endless_response_is_not_kept(
    client: Client, responses: list[StubResponse], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latchkey.client.exchange.MAX_RESPONSE_BYTES", 100)
    responses.append(json_response({**KEY, "label": "x" * 200}))
    with pytest.raises(NotJSON, match="more than 100 bytes"):
        client.keys.show(KEY_ID)


def test_dripping_response_times_out() -> None:
    with (
        dripping() as url,
        Client(url, timeout_seconds=0.2) as client,
        pytest.raises(TimedOut, match="too slowly"),
    ):
        client.health()
