"""When the periods of quotas end, in time zones with jumps, and across leap years."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.claim import FOREVER_S
from ratelimit.periods import Per, Quota, Starts, period_end, period_ends, zone, zone_names


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def end(per: str, at: str, timezone: str = "UTC", anchor: str | None = None) -> str:
    """The end of the period that is open at `at`, as UTC."""
    quota = Quota(10, Per(per), timezone, Starts.CALENDAR if anchor is None else Starts.ANCHOR)
    found = period_end(quota, date.fromisoformat(anchor) if anchor else None, seconds(at))
    return datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("per", "timezone", "at", "expected"),
    [
        ("hour", "UTC", "2026-11-30T10:00:00Z", "2026-11-30 11:00:00"),
        ("hour", "UTC", "2026-11-30T10:59:59Z", "2026-11-30 11:00:00"),
        ("hour", "Asia/Kolkata", "2026-11-30T10:29:59Z", "2026-11-30 10:30:00"),
        ("hour", "Asia/Kolkata", "2026-11-30T10:30:00Z", "2026-11-30 11:30:00"),
        ("hour", "Asia/Kathmandu", "2026-11-30T10:00:00Z", "2026-11-30 10:15:00"),
        # The hour from 1 to 2 comes twice, and each is an hour.
        ("hour", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01 06:00:00"),
        ("hour", "America/New_York", "2026-11-01T06:30:00Z", "2026-11-01 07:00:00"),
        # Set back by half an hour at 2:00 to 1:30.
        ("hour", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04 15:00:00"),
        ("hour", "Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-04 15:30:00"),
        ("day", "UTC", "2028-02-28T23:59:59Z", "2028-02-29 00:00:00"),
        ("day", "UTC", "2028-02-29T00:00:00Z", "2028-03-01 00:00:00"),
        ("day", "UTC", "2100-02-28T00:00:00Z", "2100-03-01 00:00:00"),
        # Days of 23 and of 25 hours.
        ("day", "America/New_York", "2026-03-08T05:00:00Z", "2026-03-09 04:00:00"),
        ("day", "America/New_York", "2026-11-01T04:00:00Z", "2026-11-02 05:00:00"),
        ("day", "America/New_York", "2026-11-02T04:59:59Z", "2026-11-02 05:00:00"),
        # A day without midnight: at 0:00 the clock is set to 1:00.
        ("day", "Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-23 22:00:00"),
        ("day", "Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24 21:00:00"),
        # At midnight the clock is set back to 23:00, so the day goes on.
        ("day", "Africa/Cairo", "2026-10-29T20:30:00Z", "2026-10-29 22:00:00"),
        ("day", "Africa/Cairo", "2026-10-29T21:30:00Z", "2026-10-29 22:00:00"),
        # Two midnights: at 1:00 the clock is set back to 0:00.
        ("day", "America/Havana", "2022-11-06T03:00:00Z", "2022-11-06 04:00:00"),
        ("day", "America/Havana", "2022-11-06T05:30:00Z", "2022-11-07 05:00:00"),
        # The gap includes midnight: from 23:30 to 0:30.
        ("day", "America/Toronto", "1919-03-31T00:00:00Z", "1919-03-31 04:30:00"),
        # No 30 December.
        ("day", "Pacific/Apia", "2011-12-30T00:00:00Z", "2011-12-30 10:00:00"),
        ("week", "UTC", "2026-11-30T00:00:00Z", "2026-12-07 00:00:00"),
        ("week", "UTC", "2026-12-06T23:59:59Z", "2026-12-07 00:00:00"),
        ("week", "America/New_York", "2026-03-08T12:00:00Z", "2026-03-09 04:00:00"),
        ("week", "Asia/Tokyo", "2026-12-06T15:00:00Z", "2026-12-13 15:00:00"),
        ("month", "UTC", "2026-12-31T23:59:59Z", "2027-01-01 00:00:00"),
        ("month", "UTC", "2028-02-29T12:00:00Z", "2028-03-01 00:00:00"),
        ("month", "America/New_York", "2026-03-01T05:00:00Z", "2026-04-01 04:00:00"),
        ("month", "America/New_York", "2026-11-01T03:59:59Z", "2026-11-01 04:00:00"),
        ("once", "UTC", "2026-11-30T00:00:00Z", "9999-12-31 23:59:59"),
        # No later date can be calculated.
        ("day", "UTC", "9999-06-01T00:00:00Z", "9999-12-31 23:59:59"),
    ],
)
def test_period_ends_at_local_boundary(per: str, timezone: str, at: str, expected: str) -> None:
    assert end(per, at, timezone) == expected


@pytest.mark.parametrize(
    ("anchor", "at", "expected"),
    [
        ("2026-01-31", "2026-01-31T00:00:00Z", "2026-02-28 00:00:00"),
        ("2026-01-31", "2026-02-27T23:59:59Z", "2026-02-28 00:00:00"),
        ("2026-01-31", "2026-02-28T00:00:00Z", "2026-03-31 00:00:00"),
        ("2026-01-31", "2028-02-01T00:00:00Z", "2028-02-29 00:00:00"),
        ("2026-01-31", "2026-03-31T00:00:00Z", "2026-04-30 00:00:00"),
        ("2026-01-30", "2026-02-28T00:00:00Z", "2026-03-30 00:00:00"),
        ("2026-01-15", "2026-12-15T00:00:00Z", "2027-01-15 00:00:00"),
        ("2026-01-15", "2026-12-14T23:59:59Z", "2026-12-15 00:00:00"),
        # Months before the anchor count the same.
        ("2030-06-15", "2026-06-15T00:00:00Z", "2026-07-15 00:00:00"),
    ],
)
def test_month_starts_at_the_day_of_its_anchor(anchor: str, at: str, expected: str) -> None:
    assert end("month", at, anchor=anchor) == expected


def test_anchor_counts_only_for_quotas_that_start_with_it() -> None:
    at, anchor = seconds("2026-06-20T00:00:00Z"), date(2026, 1, 15)
    assert period_end(Quota(1, Per.MONTH), anchor, at) == seconds("2026-07-01T00:00:00Z")
    quota = Quota(1, Per.MONTH, "UTC", Starts.ANCHOR)
    assert period_end(quota, anchor, at) == seconds("2026-07-15T00:00:00Z")
    assert period_end(quota, None, at) == seconds("2026-07-01T00:00:00Z")


def test_nothing_ends_after_forever() -> None:
    assert period_end(Quota(1, Per.ONCE), None, 0) == FOREVER_S


@given(
    st.sampled_from(sorted(zone_names())),
    st.sampled_from([Per.HOUR, Per.DAY, Per.WEEK, Per.MONTH]),
    st.integers(seconds("2020-01-01T00:00:00Z"), seconds("2060-01-01T00:00:00Z")),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 31),
)
def test_every_moment_of_a_period_has_the_same_end(timezone: str, per: Per, at_s: int, part: float, day: int) -> None:
    quota, anchor = Quota(1, per, timezone, Starts.ANCHOR), date(2026, 1, day)
    end_s = period_end(quota, anchor, at_s)
    assert end_s > at_s
    assert period_end(quota, anchor, at_s + int(part * (end_s - at_s))) == end_s
    assert period_end(quota, anchor, end_s) > end_s


@given(
    st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]),
    st.sampled_from(list(Per)),
    st.lists(st.integers(seconds("2026-01-01T00:00:00Z"), seconds("2026-04-01T00:00:00Z")), min_size=1),
    st.sampled_from([None, date(2026, 1, 31), date(2026, 1, 15)]),
)
def test_both_ends_are_the_same_in_any_order_of_time(
    timezone: str, per: Per, moments: list[int], anchor: date | None
) -> None:
    quota = Quota(1, per, timezone, Starts.ANCHOR)
    for at_s in moments:
        end_s = period_end(quota, anchor, at_s)
        assert period_ends(quota, anchor, at_s) == (end_s, period_end(quota, anchor, end_s))


def test_time_zones_do_not_come_from_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("zoneinfo._tzpath.find_tzfile", unexpected)
    zone.cache_clear()
    assert str(zone("Europe/Berlin")) == "Europe/Berlin"
