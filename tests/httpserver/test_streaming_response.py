"""Streaming responses: how the server ends them."""

from typing import Any

from httpserver.streaming_response import StreamHandle, abort_connection, attach_connection, end_stream


class Connection:
    aborted = False
    reads_input = True

    def abort(self) -> None:
        self.aborted = True

    def is_closed(self) -> bool:
        return self.aborted

    def ignore_further_input(self) -> None:
        self.reads_input = False


def test_normal_response_is_not_ended() -> None:
    assert end_stream({}) is False


def test_requested_end_is_immediate_or_deferred() -> None:
    ended: list[str] = []
    for name in ("early", "late"):
        scope: dict[str, Any] = {}
        handle = StreamHandle(scope)
        if name == "early":
            handle.on_end(lambda: ended.append("early"))
        assert end_stream(scope) is True
        if name == "late":
            assert ended == ["early"]
            handle.on_end(lambda: ended.append("late"))
    assert ended == ["early", "late"]


def test_abort_drops_connection() -> None:
    scope: dict[str, Any] = {}
    abort_connection(scope)
    connection = Connection()
    attach_connection(scope, connection)
    abort_connection(scope)
    assert connection.aborted


def test_stream_ignores_further_input() -> None:
    scope: dict[str, Any] = {}
    connection = Connection()
    attach_connection(scope, connection)
    handle = StreamHandle(scope)
    assert connection.reads_input, "the stream may still be rejected, and the next request answered"
    handle.on_end(lambda: None)
    assert not connection.reads_input
