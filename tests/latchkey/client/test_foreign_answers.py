"""What is not the answer of a Latchkey server is told apart."""

import pytest

from latchkey import Client
from latchkey.client.failures import NotJSON, TimedOut, WrongServer
from tests.latchkey.client.answering import KEY, KEY_ID, of
from tests.latchkey.dripping import dripping
from tests.latchkey.stub import Answer, Stub, stub


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (of([]), WrongServer),
        (of(KEY, 200, **{"X-Request-Id": ""}), WrongServer),
        (of({**KEY, "created_at": "2027-01-31T09:30:00"}), WrongServer),
        (of({**KEY, "enabled": 1}), WrongServer),
        (of({**KEY, "scopes": [1]}), WrongServer),
        (Answer(200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"x"), NotJSON),
        (Answer(200, {"Content-Type": "text/html"}, b"<html>"), NotJSON),
    ],
)
def test_foreign_answers(client: Client, answers: list[Answer], answer: Answer, failure: type[Exception]) -> None:
    answers.append(answer)
    with pytest.raises(failure):
        client.keys.show(KEY_ID)


def test_key_is_not_sent_on(client: Client, answers: list[Answer], server: Stub) -> None:
    with stub(lambda _: of(KEY)) as other:
        answers.append(Answer(307, {"Location": f"{other.url}/v1/keys/{KEY_ID}"}))
        with pytest.raises(WrongServer, match="leads to"):
            client.keys.show(KEY_ID)
        assert other.requests == []


def test_answer_without_end_is_not_kept(client: Client, answers: list[Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latchkey.client.transport.MAX_ANSWER_BYTES", 100)
    answers.append(of({**KEY, "label": "x" * 200}))
    with pytest.raises(NotJSON, match="more than 100 bytes"):
        client.keys.show(KEY_ID)


def test_answer_that_drips_is_given_up() -> None:
    with (
        dripping() as url,
        Client(url, timeout_seconds=0.2) as client,
        pytest.raises(TimedOut, match="too slowly"),
    ):
        client.health()
