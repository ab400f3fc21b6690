"""The one parser of times, and how times are written and rounded."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from latchkey.duration import time_or_span_ago, time_or_span_ahead
from latchkey.timestamps import EXAMPLE, next_whole_second, parse_rfc3339, rfc3339, whole_second

NOW = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        (EXAMPLE, "2027-03-28T02:30:00Z"),
        ("2027-03-28t02:30:00z", "2027-03-28T02:30:00Z"),
        ("2027-03-28 02:30:00Z", "2027-03-28T02:30:00Z"),
        ("2027-03-28T02:30:00+02:00", "2027-03-28T00:30:00Z"),
        ("2027-03-28T02:30:00-00:00", "2027-03-28T02:30:00Z"),
        ("2027-03-28T02:30:00.987654321Z", "2027-03-28T02:30:00Z"),
        ("2028-02-29T23:59:59Z", "2028-02-29T23:59:59Z"),
    ],
)
def test_times_that_are_read(text: str, utc: str) -> None:
    assert rfc3339(parse_rfc3339(text)) == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "03/04/2027",
        "04/03/27",
        "2027-03-28",
        "2027-03-28 02:30",
        "2027-03-28T02:30Z",
        "2027-03-28T02:30:00",
        "2027-03-28T02:30:00 UTC",
        "2027-03-28T02:30:00 Z",
        "2027-03-28T02:30:00+0200",
        "2027-03-28T02:30:00+24:00",
        "2027-03-28T24:00:00Z",
        "2027-03-28T23:60:00Z",
        "2016-12-31T23:59:60Z",
        "2027-02-29T00:00:00Z",
        "2027-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "20270328T023000Z",
        "2027-W12-7T02:30:00Z",
        "2027-03-28T02:30:00Z\n",
        "1806200000",
        "tomorrow",
    ],
)
def test_invalid_time_is_rejected_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=EXAMPLE):
        parse_rfc3339(text)


def test_time_without_a_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="needs its zone"):
        rfc3339(datetime(2027, 3, 28))


def test_time_of_another_zone_is_written_in_utc() -> None:
    assert rfc3339(datetime(2027, 3, 28, 2, 30, tzinfo=timezone(timedelta(hours=2)))) == "2027-03-28T00:30:00Z"


def test_whole_seconds() -> None:
    moment = NOW + timedelta(microseconds=1)
    assert (whole_second(moment), next_whole_second(moment)) == (NOW, NOW + timedelta(seconds=1))
    assert (whole_second(NOW), next_whole_second(NOW)) == (NOW, NOW)


def test_time_may_be_typed_as_a_span() -> None:
    assert time_or_span_ahead("90d", NOW) == NOW + timedelta(days=90)
    assert time_or_span_ago("12h", NOW) == NOW - timedelta(hours=12)
    assert time_or_span_ahead(EXAMPLE, NOW) == time_or_span_ago(EXAMPLE, NOW) == parse_rfc3339(EXAMPLE)
    with pytest.raises(ValueError, match=rf"such as {EXAMPLE}, or a time span"):
        time_or_span_ahead("2027-03-28", NOW)
