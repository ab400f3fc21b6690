"""Excerpt of a response: the beginning of its body, for people, without secrets."""

import asyncio
import re
from collections.abc import Collection
from contextlib import suppress
from typing import Final

import httpcore

from latchkey.redaction import REDACTED, redact

MAX_CHARACTERS: Final = 1024
READ_SECONDS: Final = 0.5
# More than is kept: a secret at the end of the excerpt is then whole, and is recognized.
_MAX_READ: Final = 2 * MAX_CHARACTERS
# Control characters, except tabs and ends of lines, and those that change the direction of text: a receiver must not
# control the terminal on which it is shown, and PostgreSQL can't store NUL.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


async def read_excerpt(response: httpcore.Response, secrets: Collection[str], seconds: float) -> str:
    """Return the first characters of the body, at most MAX_CHARACTERS, without secrets.

    `secrets` are texts that must not appear in it. Reading takes at most `seconds`, and READ_SECONDS: the status has
    decided the delivery, so what goes wrong from now on is ignored.
    """
    received = bytearray()
    with suppress(TimeoutError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError):
        async with asyncio.timeout(min(seconds, READ_SECONDS)):
            async for part in response.aiter_stream():
                received += part[:_MAX_READ]
                if len(received) >= _MAX_READ:
                    break
    return excerpt(bytes(received[:_MAX_READ]), secrets)


def excerpt(body: bytes, secrets: Collection[str]) -> str:
    """Return the beginning of `body` as text, without `secrets` and without what looks like one."""
    text = body.decode(errors="replace")
    for secret in secrets:
        text = re.sub("".join(map(_escaped, secret)), REDACTED, text)
    return _CONTROL.sub("\ufffd", redact(text))[:MAX_CHARACTERS]


def _escaped(character: str) -> str:
    """Return the pattern of a character of Base64 as such, and as JSON, an address or HTML may write it."""
    if character.isalnum():
        return character
    # Many JSON encoders write some punctuation as \/ or \u002B, also several times within each other.
    code = f"{ord(character):x}"
    return rf"(?i:\\*{re.escape(character)}|\\+u00{code}|%{code}|&#x{code};|&#{ord(character)};)"
