"""Which Accept fields take an event stream."""

import pytest

from httpserver.accept_header import accepts

STREAM = "text/event-stream"


@pytest.mark.parametrize(
    "field",
    [
        b"text/event-stream", b"TEXT/Event-Stream", b"text/event-stream; charset=utf-8", b"text/event-stream;q=0.1",
        b"application/json, text/event-stream", b"application/json;q=0, text/event-stream ; q=1",
    ],
)  # fmt: skip
def test_fields_that_take_it(field: bytes) -> None:
    assert accepts(field, STREAM)


@pytest.mark.parametrize(
    "field",
    [
        b"", b"*/*", b"text/*", b"application/json", b"x-text/event-stream-y", b"text/event-stream;q=0",
        b"text/event-stream; Q = 0.000", b"text/event-stream;charset=utf-8;q=0.0, */*", b"\xff",
    ],
)  # fmt: skip
def test_fields_that_do_not(field: bytes) -> None:
    assert not accepts(field, STREAM)
