"""Following the live stream over its cuts."""

import json
from typing import Any

import pytest

from latchkey import Client
from latchkey.client.failures import ReceivedProblem
from tests.latchkey.client.responses import problem_response
from tests.latchkey.stub import Stub, StubResponse


def frames(*ids: int) -> StubResponse:
    event: dict[str, Any] = {
        "at": "2027-01-31T09:30:00Z",
        "actor": "system",
        "request_id": "",
        "key_id": None,
        "data": {},
        "digest": "",
    }
    lines = [f"id: {i}\nevent: KeyIssued\ndata: {json.dumps({**event, 'id': i, 'type': 'KeyIssued'})}\n\n" for i in ids]
    return StubResponse(200, {"Content-Type": "text/event-stream"}, "".join(lines).encode())


def test_stream_resumes_after_cuts(
    client: Client, responses: list[StubResponse], server: Stub, sleeps: list[float]
) -> None:
    responses += [frames(3, 4), problem_response(503, "unavailable", retry_after="10"), frames(4, 5), frames()]
    followed = client.events.follow(after=2, type="KeyIssued")
    assert [next(followed).id for _ in range(3)] == [3, 4, 5]
    assert [request.fields["last-event-id"] for request in server.requests] == ["2", "4", "4"]
    assert {request.target for request in server.requests} == {"/v1/events?type=KeyIssued"}
    assert sleeps == [1.0, 10.0]


def test_stream_that_cannot_be_opened_fails(client: Client, responses: list[StubResponse], sleeps: list[float]) -> None:
    responses.append(problem_response(503, "unavailable"))
    with pytest.raises(ReceivedProblem):
        next(client.events.follow())
    responses += [frames(1), problem_response(401, "revoked-key")]
    followed = client.events.follow()
    assert next(followed).id == 1
    with pytest.raises(ReceivedProblem):
        next(followed)
    assert sleeps == [1.0]


def test_stream_cut_before_its_first_event_resumes(client: Client, responses: list[StubResponse], server: Stub) -> None:
    began: list[int] = []
    responses += [
        StubResponse(200, {"Content-Type": "text/event-stream"}, b"retry: 2000\n: open\n\nid: 6\n\n"),
        frames(7),
    ]
    assert next(client.events.follow(opened=began.append)).id == 7
    assert [request.fields.get("last-event-id") for request in server.requests] == [None, "6"]
    assert began == [6]


def test_stream_does_not_wait_beyond_its_patience(
    client: Client, responses: list[StubResponse], sleeps: list[float]
) -> None:
    responses += [frames(1), problem_response(429, "quota-exceeded", retry_after="3600")]
    followed = client.events.follow(patience_seconds=60)
    assert next(followed).id == 1
    with pytest.raises(ReceivedProblem):
        next(followed)
    assert sleeps == [1.0]
