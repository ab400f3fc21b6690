from typing import Any

import pytest

from latchkey.cli.limit_grammar import parse_concurrency_limit, parse_quota_limit, parse_rate_limit
from tests.latchkey.plans import QUOTA, RATE, SLOTS

DEFAULTS = {"unit": "requests", "mode": "enforce", "shared": "key"}
UTC_CALENDAR = {"timezone": "UTC", "starts": "calendar"}


@pytest.mark.parametrize(
    ("parse", "text", "limit"),
    [
        (parse_rate_limit, "per_second=100/1s", RATE),
        (parse_rate_limit, "per_second=100/s,unit=requests,shared=key,enforce", RATE),
        (
            parse_rate_limit,
            "a-b=9999999999/5m,observe,shared=owner,unit=tokens",
            {
                "name": "a-b", "unit": "tokens", "mode": "observe", "shared": "owner",
                "rate": {"burst": 9_999_999_999, "per_seconds": 300},
            },
        ),
        (
            parse_quota_limit,
            "monthly=1000000/month",
            {"name": "monthly", **DEFAULTS, "quota": {"quota": 1_000_000, "per": "month", **UTC_CALENDAR}},
        ),
        (
            parse_quota_limit,
            "trial=1000000000000000/once",
            {"name": "trial", **DEFAULTS, "quota": {"quota": 10**15, "per": "once", **UTC_CALENDAR}},
        ),
        (
            parse_quota_limit,
            "monthly=1000000/month,unit=tokens,shared=owner,observe,timezone=Europe/Berlin,anchor",
            QUOTA,
        ),
        (parse_concurrency_limit, "streams=5", SLOTS),
    ],
)  # fmt: skip
def test_limit(parse: Any, text: str, limit: dict[str, Any]) -> None:
    assert parse(text).as_json() == limit


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_rate_limit, "100/s", "must begin with the limit's name .* for example per_second=100/1s"),
        (parse_rate_limit, "", "must begin with the limit's name"),
        (parse_rate_limit, "=100/s", "must begin with the limit's name"),
        (parse_rate_limit, "A=100/s", "must begin with the limit's name"),
        (parse_rate_limit, f"{'x' * 33}=100/s", "must begin with the limit's name"),
        (parse_rate_limit, "a=100", "^what follows a= must be a number of requests and a period, for example 60/min"),
        (parse_rate_limit, "a=100/month", "must be a number of requests and a period"),
        (parse_rate_limit, "a=100/s,share=owner", "a: 'share=owner' isn't a setting. Use unit=…, shared=…, enforce"),
        (parse_rate_limit, "a=100/s,timezone=UTC", "isn't a setting"),
        (parse_rate_limit, "a=100/s,anchor", "isn't a setting"),
        (parse_rate_limit, "a=100/s,", "'' isn't a setting"),
        (parse_rate_limit, "a=100/s,unit=", "isn't a setting"),
        (parse_rate_limit, "a=100/s,observe,enforce", "a: mode is set twice"),
        (parse_rate_limit, "a=100/s,unit=x,unit=x", "a: unit is set twice"),
        (parse_quota_limit, "a=100/year", "a= must be a number and hour, day, week, month or once"),
        (parse_quota_limit, "a=100/2days", "for example 1000000/month"),
        (parse_quota_limit, "a=1,000/month", "must be a number"),
        (parse_quota_limit, "a=-1/month", "must be a number"),
        (parse_quota_limit, "a=1/month,zone=UTC", "timezone=…, enforce, observe, calendar, anchor; for example"),
        (parse_concurrency_limit, "a=5/s", "a= must be a number, for example 5"),
        (parse_concurrency_limit, "a=\u0665", "must be a number"),
        (parse_concurrency_limit, "streams", "for example streams=5"),
    ],
)
def test_other_texts_are_rejected_with_an_example(parse: Any, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_what_is_not_typed_stays() -> None:
    changed = parse_quota_limit("monthly=5/day").as_json(QUOTA)
    assert changed == {**QUOTA, "quota": {**QUOTA["quota"], "quota": 5, "per": "day"}}
    again = parse_quota_limit("monthly=5/day,enforce,calendar,timezone=UTC,shared=key").as_json(QUOTA)
    assert again == {
        "name": "monthly", "unit": "tokens", "mode": "enforce", "shared": "key",
        "quota": {"quota": 5, "per": "day", "timezone": "UTC", "starts": "calendar"},
    }  # fmt: skip


def test_limit_of_another_kind_is_all_new() -> None:
    assert parse_rate_limit("monthly=5/s").as_json(QUOTA) == {
        "name": "monthly", **DEFAULTS, "rate": {"burst": 5, "per_seconds": 1},
    }  # fmt: skip
