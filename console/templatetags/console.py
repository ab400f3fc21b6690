"""Template filters that format values as text for people."""

from datetime import datetime

from django import template
from django.utils import timezone

from console import formatting
from ratelimit.limit import Limit

register = template.Library()


@register.filter
def format_relative_time(moment: datetime | None) -> str:
    """Return how long ago or how far ahead `moment` is, such as "5 minutes ago", or "never" for None."""
    return formatting.format_relative_time(moment, timezone.now())


@register.filter
def format_limit(limit: Limit | None) -> str:
    """Return the limit as text; None means unlimited."""
    return formatting.format_limit(limit)
