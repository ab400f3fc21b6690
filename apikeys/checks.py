"""Django system checks of the settings for keys: peppers."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from latchkey.peppers import PepperError, parse_peppers
from ratelimit.checks import SETTINGS

PEPPERS_INVALID = "apikeys.E001"


@register(SETTINGS)
def check_peppers(**_kwargs: Any) -> list[CheckMessage]:
    """Check that SECRET_PEPPERS is well-formed and that its peppers are long enough."""
    try:
        parse_peppers(settings.SECRET_PEPPERS)
    except PepperError as error:
        hint = "Generate one: python -c 'import secrets; print(\"p1:\" + secrets.token_hex(32))'"
        return [Error(f"SECRET_PEPPERS: {error}.", hint=hint, id=PEPPERS_INVALID)]
    return []
