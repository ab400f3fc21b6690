"""Charts as SVG, rendered on the server: without scripts or inline styles, and with a text for screen readers."""

from collections.abc import Sequence
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apikeys.usage.series import Point, sum_points

WIDTH: Final = 720
HEIGHT: Final = 140
SPARK_WIDTH: Final = 96
SPARK_HEIGHT: Final = 20


def bar_chart(points: Sequence[Point], *, title: str, time_format: str) -> SafeString:
    """Return a bar chart with one bar per point: allowed requests, and throttled requests on top of them.

    Hovering over a bar shows its numbers. `time_format` is for `strftime`; it formats the start of each point.
    """
    highest = max((point.allowed + point.throttled for point in points), default=0)
    return format_html(
        '<figure class="chart"><svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
        "<figcaption><span>{}</span><span>Peak: {}</span><span>{}</span></figcaption></figure>",
        WIDTH,
        HEIGHT,
        _summary(points, title),
        format_html_join("", "{}", ((_bar(points, at, highest, time_format),) for at in range(len(points)))),
        points[0].start.strftime(time_format) if points else "",
        f"{highest:,}",
        points[-1].start.strftime(time_format) if points else "",
    )


def _bar(points: Sequence[Point], at: int, highest: int, time_format: str) -> SafeString:
    point, width = points[at], WIDTH / len(points)
    # 4 units of the height stay free, so that the highest bar doesn't touch the top edge.
    allowed, throttled = (
        round(count * (HEIGHT - 4) / highest, 1) if highest else 0.0 for count in (point.allowed, point.throttled)
    )
    left, bar = round(at * width + width * 0.1, 1), round(width * 0.8, 1)
    # The transparent `hover` rectangle has the full height, so that a low bar shows its numbers as easily as a high
    # one.
    return format_html(
        '<g><title>{}: {} allowed, {} throttled</title><rect class="hover" x="{}" y="0" width="{}" height="{}"/>'
        '<rect class="allowed" x="{}" y="{}" width="{}" height="{}"/>'
        '<rect class="throttled" x="{}" y="{}" width="{}" height="{}"/></g>',
        point.start.strftime(time_format), f"{point.allowed:,}", f"{point.throttled:,}",
        left, bar, HEIGHT,
        left, round(HEIGHT - allowed, 1), bar, allowed,
        left, round(HEIGHT - allowed - throttled, 1), bar, throttled,
    )  # fmt: skip


def sparkline(points: Sequence[Point], *, title: str) -> SafeString | str:
    """Return a line chart of all requests, small enough for a table row, or "-" if there were none."""
    counts = [point.allowed + point.throttled for point in points]
    highest = max(counts, default=0)
    if not highest:
        return "-"
    step = SPARK_WIDTH / max(1, len(counts) - 1)
    line = " ".join(
        f"{round(at * step, 1)},{round(SPARK_HEIGHT - 1 - count * (SPARK_HEIGHT - 2) / highest, 1)}"
        for at, count in enumerate(counts)
    )
    return format_html(
        '<svg class="spark{}" viewBox="0 0 {} {}" role="img" aria-label="{}"><polyline points="{}"/></svg>',
        " is-throttled" if sum_points(points).throttled else "",
        SPARK_WIDTH,
        SPARK_HEIGHT,
        _summary(points, title),
        line,
    )


def _summary(points: Sequence[Point], title: str) -> str:
    whole = sum_points(points)
    return f"{title}: {whole.allowed:,} allowed, {whole.throttled:,} throttled"
