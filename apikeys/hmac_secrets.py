"""Secrets with which other systems made the HMAC digests of imported tokens. They stay outside the database."""

import re
from functools import cache
from typing import Final

from django.conf import settings

MAX_NAME_LENGTH: Final = 20

_ENTRY = re.compile(rf"([A-Za-z0-9._-]{{1,{MAX_NAME_LENGTH}}}):((?:[0-9a-fA-F]{{2}})+)")


def parse_hmac_secrets(text: str) -> dict[str, bytes]:
    """Return the secrets in `NAME:HEX[,NAME:HEX]` by name. Raise ValueError, whose message shows none of it."""
    secrets: dict[str, bytes] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(
                f"each entry must be NAME:HEX, with a name of 1 to {MAX_NAME_LENGTH} letters, digits, '.', '_' or '-'"
            )
        if match[1] in secrets:
            raise ValueError("two secrets have the same name")
        secrets[match[1]] = bytes.fromhex(match[2])
    return secrets


@cache
def hmac_secrets() -> dict[str, bytes]:
    """Return the secrets of IMPORT_HMAC_SECRETS by name."""
    return parse_hmac_secrets(settings.IMPORT_HMAC_SECRETS)
