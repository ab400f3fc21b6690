"""Template filters that format values as text for people."""

from datetime import datetime

from django import template
from django.utils import timezone

from console import texts
from ratelimit.limit import Limit

register = template.Library()


@register.filter
def ago(moment: datetime | None) -> str:
    """Return how long ago or how far ahead `moment` is, such as "5 minutes ago", or "never" for None."""
    return texts.ago_words(moment, timezone.now())


@register.filter
def limit_words(limit: Limit | None) -> str:
    """Return the limit as text; None means unlimited."""
    return texts.limit_words(limit)
