"""Request ID: one name for a request in every log line, event, problem and response."""

import os
import re
from typing import Final

from latchkey.secret_detection import contains_secret

PATTERN: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


def new_request_id() -> str:
    """Return a new request ID: 32 random hexadecimal characters."""
    return os.urandom(16).hex()


def is_request_id(text: str) -> bool:
    """Return whether `text` can be a request ID: all of it matches PATTERN, and it holds no secret."""
    # The ID is stored with every event, so a secret in it would stay readable.
    return PATTERN.fullmatch(text) is not None and not contains_secret(text)


def resolve_request_id(offered: str | None) -> str:
    """Return the client's ID if it can be a request ID, otherwise a new one."""
    # An ID of arbitrary characters could inject lines into a log.
    return offered if offered is not None and is_request_id(offered) else new_request_id()
