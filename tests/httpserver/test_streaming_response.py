"""How an answer without an end learns that it has to end."""

from typing import Any

from httpserver.streaming_response import StreamHandle, abort, end_stream, hand_over


class Connection:
    aborted = False
    hears = True

    def abort(self) -> None:
        self.aborted = True

    def ignore_further_input(self) -> None:
        self.hears = False


def test_answer_with_an_end_is_not_asked() -> None:
    assert end_stream({}) is False


def test_asking_ends_the_answer_now_or_as_soon_as_it_can_be_ended() -> None:
    ended: list[str] = []
    for name in ("early", "late"):
        scope: dict[str, Any] = {}
        ending = StreamHandle(scope)
        if name == "early":
            ending.by(lambda: ended.append("early"))
        assert end_stream(scope) is True
        if name == "late":
            assert ended == ["early"]
            ending.by(lambda: ended.append("late"))
    assert ended == ["early", "late"]


def test_abort_drops_the_connection_where_there_is_one() -> None:
    scope: dict[str, Any] = {}
    abort(scope)
    connection = Connection()
    hand_over(scope, connection)
    abort(scope)
    assert connection.aborted


def test_nothing_is_heard_any_more_once_the_answer_has_no_end() -> None:
    scope: dict[str, Any] = {}
    connection = Connection()
    hand_over(scope, connection)
    ending = StreamHandle(scope)
    assert connection.hears, "it may still be refused, and the next request answered"
    ending.by(lambda: None)
    assert not connection.hears
