"""Charts: their text for screen readers."""

from datetime import UTC, datetime, timedelta

from apikeys.usage.points import Point
from console.charts import share_bar, sparkline

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_sparkline_names_its_period() -> None:
    points = [Point(NOON + timedelta(minutes=number), 1000, number) for number in range(3)]
    assert 'aria-label="Last 3 minutes: 3,000 allowed, 3 throttled"' in sparkline(points, title="Last 3 minutes")
    assert sparkline([Point(NOON, 0, 0)], title="Last minute") == "-"


def test_share_has_its_percentage_as_text() -> None:
    assert share_bar(0.62).endswith(" 62 %</span>")
    assert share_bar(0.001).endswith(" under 1 %</span>")
    assert 'width="96"' in share_bar(1)
