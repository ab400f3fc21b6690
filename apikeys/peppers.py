"""Peppers that this process was started with."""

from functools import cache

from django.conf import settings

from latchkey.peppers import Peppers, parse_peppers


@cache
def configured_peppers() -> Peppers:
    """Return the peppers of SECRET_PEPPERS. Of a secret, only its digest under one of them is stored."""
    return parse_peppers(settings.SECRET_PEPPERS)
