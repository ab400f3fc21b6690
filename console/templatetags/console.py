"""Template filters and tags that show values to people."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console import formatting, identifiers
from latchkey import relative_time
from latchkey.timestamps import rfc3339
from ratelimit.limit import Limit

register = template.Library()


@register.filter
def format_relative_time(moment: datetime | None) -> SafeString:
    """Return how long ago or how far ahead `moment` is, such as "5 minutes ago", or "never" for None.

    The pointer on it shows the time itself.
    """
    text = relative_time.format_relative_time(moment, timezone.now())
    if moment is None:
        return SafeString(text)
    whole = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', rfc3339(moment), whole, text)


@register.filter
def format_end(moment: datetime) -> str:
    """Return when something ends or ended, such as "ends in 3 days"."""
    return relative_time.format_end(moment, timezone.now())


@register.filter
def format_limit(limit: Limit | None) -> str:
    """Return the limit as text; None means that there is none."""
    return formatting.format_limit(limit)


@register.simple_tag
def identifier(kind: str, value: object) -> SafeString:
    """Return the identifier as a link to its page, with a button that copies it."""
    return identifiers.identifier(kind, value)


@register.filter
def with_links(text: str) -> SafeString:
    """Return the text with each ID of a key or webhook as a link."""
    return identifiers.with_links(text)


@register.simple_tag
def filter_links(changes: Any, chosen: Any) -> list[dict[str, Any]]:
    """Return the choices of a filter of a list: `query_string`, `display`, and whether it is `selected`."""
    return list(chosen.choices(changes))
