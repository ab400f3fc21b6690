"""Charts: their text for screen readers."""

from datetime import UTC, datetime, timedelta

from apikeys.usage.points import Point
from console.charts import sparkline

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_sparkline_names_its_period() -> None:
    points = [Point(NOON + timedelta(minutes=number), 1000, number) for number in range(3)]
    assert 'aria-label="Last 3 minutes: 3,000 allowed, 3 throttled"' in sparkline(points, title="Last 3 minutes")
    assert sparkline([Point(NOON, 0, 0)], title="Last minute") == "-"
