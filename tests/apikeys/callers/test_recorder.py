"""The recorder: estimates that are close, within fixed bounds, however many requests, keys and callers there are."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from random import Random

import pytest
from structlog.testing import capture_logs

from apikeys.callers import recorder
from apikeys.callers.caller import Caller
from apikeys.callers.countdown import Countdown
from apikeys.callers.recorder import CallerRecorder
from apikeys.callers.sightings import MAX_VALUES
from apikeys.models import CallerKind

KEY = "lk_0123456789ab"


@pytest.fixture
def found() -> CallerRecorder:
    return CallerRecorder(now=lambda: 1000.0)


def count(recorder: CallerRecorder, addresses: Sequence[str], key_id: str = KEY) -> int:
    """Count a request from each address. Return how many were samples."""
    samples: list[str] = []

    def read(address: str) -> Caller:
        samples.append(address)
        return Caller(address, "curl/8.5")

    for address in addresses:
        recorder.record(key_id, partial(read, address))
    return len(samples)


def requests(recorder: CallerRecorder, key_id: str = KEY) -> dict[str, int]:
    """What was recorded of the addresses."""
    seen = recorder.take().get(key_id, {})
    return {value: it.requests for (kind, value), it in seen.items() if kind is CallerKind.ADDRESS}


def test_few_requests_are_exact(found: CallerRecorder) -> None:
    assert count(found, ["a", "b", "a", "c"]) == 4
    assert requests(found) == {"a": 2, "b": 1, "c": 1}
    assert requests(found) == {}


def test_many_requests_take_few_samples_and_give_a_close_estimate(found: CallerRecorder) -> None:
    estimated, exact, samples = Counter[str](), Counter[str](), 0
    for number in range(20):
        addresses = Random(number).choices(["a", "b", "c"], [70, 20, 10], k=20_000)
        samples += count(found, addresses)
        exact.update(addresses)
        estimated.update(requests(found))
    assert samples < 20 * 200
    assert estimated.total() == pytest.approx(exact.total(), rel=0.1)
    for name in exact:
        assert estimated[name] == pytest.approx(exact[name], abs=0.15 * exact.total())


def test_callers_that_take_turns_are_both_seen(found: CallerRecorder) -> None:
    count(found, ["a", "b"] * 20_000)
    estimated = requests(found)
    assert set(estimated) == {"a", "b"}
    assert min(estimated.values()) > 5000


def test_caller_that_changes_its_name_takes_no_more_room(found: CallerRecorder) -> None:
    count(found, [f"a{number}" for number in range(5000)])
    seen = found.take()[KEY]
    assert Counter(kind for kind, _ in seen) == {CallerKind.ADDRESS: MAX_VALUES, CallerKind.SERVICE: 1}


def test_frequent_caller_stays(found: CallerRecorder) -> None:
    names = [name for number in range(500) for name in ("often", f"a{number}")]
    count(found, names)
    assert "often" in requests(found)


def test_requests_after_the_last_sample_count_in_the_next_window(found: CallerRecorder) -> None:
    count(found, ["a"] * 1000)
    first = requests(found)["a"]
    assert count(found, ["a"]) == 1
    assert first + requests(found)["a"] == 1001


def test_keys_are_bounded(found: CallerRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_KEYS", 10)
    for number in range(50):
        count(found, ["a", "a"], f"key-{number}")
    assert len(found._countdowns) == len(found._sampled) == len(found._sightings) == 10
    assert len(found.take()) == 10
    assert found._countdowns == {}
    assert count(found, ["a"], "key-49") == 1, "the next window has room again"


def test_keys_of_other_countdowns_are_bounded(found: CallerRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_KEYS", 10)
    ends = [Countdown() for _ in range(50)]
    for number, countdown in enumerate(ends):
        countdown.left -= 1
        found.sample(f"key-{number}", countdown, lambda: Caller("a", ""))
    assert len(found.take()) == 10
    assert [countdown.missed for countdown in ends] == [0] * 10 + [1] * 40
    assert ends[-1].left == 99


def test_samples_are_bounded_and_requests_still_counted(found: CallerRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_SAMPLES", 20)
    assert count(found, ["a"] * 5000) == 20
    assert count(found, ["a"] * 3, "another") == 0
    first = requests(found)["a"]
    assert (count(found, ["a"]), count(found, ["a"], "another")) == (1, 1)
    seen = found.take()
    assert first + seen[KEY][CallerKind.ADDRESS, "a"].requests == 5001
    assert seen["another"][CallerKind.ADDRESS, "a"].requests == 4


def test_two_threads_take_one_sample(found: CallerRecorder) -> None:
    countdown = Countdown()
    countdown.left -= 2
    for _ in range(2):
        found.sample(KEY, countdown, lambda: Caller("a", ""))
    assert requests(found) == {"a": 1}


def test_nothing_is_recorded_while_off() -> None:
    off = CallerRecorder(enabled=False)
    assert count(off, ["a"] * 10) == 0
    assert off.take() == {}


def test_failure_to_read_a_caller_fails_no_request(found: CallerRecorder) -> None:
    def broken() -> Caller:
        raise RuntimeError("no caller")

    with capture_logs() as logs:
        found.record(KEY, broken)
    assert [line["event"] for line in logs] == ["caller_not_read"]
    assert found.take() == {}
