"""Django system checks of the settings for keys: peppers, and secrets of imported tokens."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from apikeys.hmac_secrets import parse_hmac_secrets
from latchkey.peppers import PepperError, parse_peppers
from ratelimit.checks import SETTINGS

PEPPERS_INVALID = "apikeys.E001"
HMAC_SECRETS_INVALID = "apikeys.E002"


@register(SETTINGS)
def check_peppers(**_kwargs: Any) -> list[CheckMessage]:
    """Check that SECRET_PEPPERS is well-formed and that its peppers are long enough."""
    try:
        parse_peppers(settings.SECRET_PEPPERS)
    except PepperError as error:
        hint = "Generate one: python -c 'import secrets; print(\"p1:\" + secrets.token_hex(32))'"
        return [Error(f"SECRET_PEPPERS: {error}.", hint=hint, id=PEPPERS_INVALID)]
    return []


@register(SETTINGS)
def check_hmac_secrets(**_kwargs: Any) -> list[CheckMessage]:
    """Check that IMPORT_HMAC_SECRETS is well-formed."""
    try:
        parse_hmac_secrets(settings.IMPORT_HMAC_SECRETS)
    except ValueError as error:
        hint = 'Write a secret in hexadecimal: printf %s "$SECRET" | xxd -p -c 0'
        return [Error(f"IMPORT_HMAC_SECRETS: {error}.", hint=hint, id=HMAC_SECRETS_INVALID)]
    return []
