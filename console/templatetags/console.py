"""Filters by which templates speak in words."""

from datetime import datetime

from django import template
from django.utils import timezone

from console import texts
from ratelimit.limit import Limit

register = template.Library()


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago, or how far ahead."""
    return texts.ago_words(moment, timezone.now())


@register.filter
def limit_words(limit: Limit | None) -> str:
    """A limit as a sentence."""
    return texts.limit_words(limit)
