import pytest

from latchkey.cli.rate import parse_rate


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("60/min", (60, 60)),
        ("60/m", (60, 60)),
        ("10/s", (10, 1)),
        ("1000/5m", (1000, 300)),
        ("5000/day", (5000, 86_400)),
        ("100/hour", (100, 3600)),
        ("7/2weeks", (7, 1_209_600)),
    ],
)
def test_rate(text: str, limit: tuple[int, int]) -> None:
    assert parse_rate(text) == limit


@pytest.mark.parametrize("text", ["", "60", "60/", "/min", "60/ min", "6.5/s", "-1/s", "60/month", "60/min\n", "٦/s"])
def test_other_texts_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="for example 60/min"):
        parse_rate(text)
