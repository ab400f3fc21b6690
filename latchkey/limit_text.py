"""Rate limits in words."""

from datetime import timedelta

from latchkey.relative_time import format_duration


def limit_text(burst: int, per_seconds: int) -> str:
    """Return the limit as text, such as "1 per second, burst 60"."""
    return f"{_refill(burst, per_seconds)}, burst {burst:,}"


def _refill(burst: int, per_seconds: int) -> str:
    if per_seconds == burst:
        return "1 per second"
    if per_seconds % burst == 0:
        return f"1 per {format_duration(timedelta(seconds=per_seconds // burst))}"
    if burst % per_seconds == 0:
        return f"{burst // per_seconds:,} per second"
    return f"{burst:,} per {format_duration(timedelta(seconds=per_seconds))}"
