import pytest

from latchkey.client.deadline import Deadline
from latchkey.client.failures import (
    ClientError,
    NoResponse,
    NotJSON,
    ReceivedProblem,
    RefusedConnection,
    TimedOut,
    UntrustedServer,
)
from latchkey.client.retries import RetryPolicy


def problem(status: int, retry_after_seconds: int | None = None) -> ReceivedProblem:
    return ReceivedProblem(
        "",
        slug="",
        status=status,
        title="",
        instance="",
        request_id="",
        errors=[],
        violated_policies=[],
        retry_after_seconds=retry_after_seconds,
        document={},
    )


@pytest.mark.parametrize(
    ("failure", "get", "post"),
    [
        (problem(429), True, True),
        (problem(503), True, False),
        (problem(502), True, False),
        (problem(500), False, False),
        (problem(404), False, False),
        (RefusedConnection(""), True, True),
        (NoResponse(""), True, False),
        (TimedOut(""), False, False),
        (UntrustedServer(""), False, False),
        (NotJSON(""), False, False),
    ],
)
def test_only_what_is_safe_is_repeated(failure: ClientError, get: bool, post: bool) -> None:
    policy = RetryPolicy()
    assert (policy.wait_before_next(failure, method="GET", attempt=1) is not None) is get
    assert (policy.wait_before_next(failure, method="POST", attempt=1, idempotent=True) is not None) is get
    assert (policy.wait_before_next(failure, method="POST", attempt=1) is not None) is post


def test_pauses_grow_up_to_the_cap_and_attempts_end() -> None:
    policy = RetryPolicy(attempts=4, longest_wait_seconds=0.6)
    sleeps = [policy.wait_before_next(RefusedConnection(""), method="GET", attempt=attempt) for attempt in (1, 2, 3, 4)]
    assert sleeps == [0.25, 0.5, 0.6, None]


def test_the_server_says_how_long() -> None:
    policy = RetryPolicy(longest_wait_seconds=60)
    assert policy.wait_before_next(problem(429, 60), method="POST", attempt=1) == 60
    assert policy.wait_before_next(problem(429, 61), method="POST", attempt=1) is None


def test_all_of_it_ends_in_time() -> None:
    policy = RetryPolicy(total_seconds=10)
    assert policy.wait_before_next(problem(429, 3), method="POST", attempt=1, spent_seconds=6.9) == 3
    assert policy.wait_before_next(problem(429, 3), method="POST", attempt=1, spent_seconds=7) is None


def test_steps_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("latchkey.client.deadline.time.monotonic", lambda: now)
    deadline = Deadline(10)
    now = 107.0
    assert (deadline.get("connect"), deadline.get("read"), deadline.expired) == (3, 3, False)
    now = 111.0
    assert 0 < deadline.get("read") < 0.01
    assert deadline.expired
