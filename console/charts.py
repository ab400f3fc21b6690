"""Charts as SVG, rendered on the server: without scripts or inline styles, and with a text for screen readers."""

from collections.abc import Sequence
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apikeys.usage.points import Point, sum_points

WIDTH: Final = 720
HEIGHT: Final = 140
SPARK_WIDTH: Final = 96
SPARK_HEIGHT: Final = 20


def bar_chart(points: Sequence[Point], *, title: str, time_format: str) -> SafeString:
    """Return a bar chart with one bar per point: allowed requests, and throttled requests on top of them.

    Its legend has the totals. Hovering over a bar, or moving to it by keyboard, shows its numbers. `time_format` is
    for `strftime`; it formats the start of each point.
    """
    top = _rounded_up(max((point.allowed + point.throttled for point in points), default=0))
    whole = sum_points(points)
    return format_html(
        '<figure class="chart"><p class="legend"><span>{} allowed</span>'
        '<span class="of-throttled">{} throttled{}</span></p><div class="plot">'
        '<div class="axis" aria-hidden="true"><span>{}</span><span>{}</span><span>0</span></div>'
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="group" aria-label="{}">'
        '<path class="grid" d="M0 0H{}M0 {}H{}"/>{}</svg></div>'
        "<figcaption><span>{}</span><output></output><span>{}</span></figcaption></figure>",
        f"{whole.allowed:,}",
        f"{whole.throttled:,}",
        _percentage(whole),
        _short(top),
        _short(top // 2),
        WIDTH,
        HEIGHT,
        _summary(points, title),
        WIDTH,
        HEIGHT // 2,
        WIDTH,
        format_html_join("", "{}", ((_bar(points, at, top, time_format),) for at in range(len(points)))),
        points[0].start.strftime(time_format) if points else "",
        points[-1].start.strftime(time_format) if points else "",
    )


def _rounded_up(highest: int) -> int:
    """Return the number at the top of the axis: 2, 4 or 10 times a power of ten, and at least `highest`."""
    power = 1
    while power * 10 < highest:
        power *= 10
    return next(power * factor for factor in (2, 4, 10) if power * factor >= highest)


def _short(count: int) -> str:
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:g}{unit}"
    return str(count)


def _percentage(whole: Point) -> str:
    """Return the share of throttled requests, such as ", 7 %"; empty if there were none."""
    if not whole.throttled:
        return ""
    percent = 100 * whole.throttled / (whole.allowed + whole.throttled)
    return f", {percent:.0f} %" if percent >= 1 else ", under 1 %"


def _bar(points: Sequence[Point], at: int, top: int, time_format: str) -> SafeString:
    point, width = points[at], WIDTH / len(points)
    allowed, throttled = (round(count * HEIGHT / top, 1) for count in (point.allowed, point.throttled))
    left, bar = round(at * width + width * 0.1, 1), round(width * 0.8, 1)
    numbers = f"{point.start.strftime(time_format)}: {point.allowed:,} allowed, {point.throttled:,} throttled"
    # The transparent `hover` rectangle has the full height, so that a low bar shows its numbers as easily as a high
    # one. One bar can be reached by Tab; the arrow keys move on from there.
    return format_html(
        '<g role="img" tabindex="{}" aria-label="{}"><title>{}</title>'
        '<rect class="hover" x="{}" y="0" width="{}" height="{}"/>'
        '<rect class="allowed" x="{}" y="{}" width="{}" height="{}"/>'
        '<rect class="throttled" x="{}" y="{}" width="{}" height="{}"/></g>',
        0 if at == len(points) - 1 else -1, numbers, numbers,
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


def share_bar(share: float) -> SafeString:
    """Return a bar for a share from 0 to 1 of a whole, with its percentage as text."""
    return format_html(
        '<span class="share"><svg viewBox="0 0 {} 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{}" height="8"/></svg> {} %</span>',
        SPARK_WIDTH,
        round(max(share, 0.01) * SPARK_WIDTH, 1),
        f"{share * 100:.0f}" if share >= 0.01 else "under 1",
    )


def _summary(points: Sequence[Point], title: str) -> str:
    whole = sum_points(points)
    return f"{title}: {whole.allowed:,} allowed, {whole.throttled:,} throttled"
