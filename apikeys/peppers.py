"""The peppers that this process was started with."""

from functools import cache

from django.conf import settings

from latchkey.peppers import Peppers, parse_peppers


@cache
def configured_peppers() -> Peppers:
    """The peppers of SECRET_PEPPERS, the only thing that is kept of a secret being its digest under one of them."""
    return parse_peppers(settings.SECRET_PEPPERS)
