"""The request id: one name for a request in every log line, event, problem and answer."""

import os
import re
from typing import Final

from latchkey.secret_detection import holds_secret

PATTERN: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


def new_request_id() -> str:
    """A fresh id: 32 hexadecimal characters, random."""
    return os.urandom(16).hex()


def is_request_id(text: str) -> bool:
    """Return whether `text` can be a request id: it matches PATTERN whole, and holds no secret, as it is kept with
    every event.
    """
    return PATTERN.fullmatch(text) is not None and not holds_secret(text)


def resolve_request_id(offered: str | None) -> str:
    """The client's id if it can be one, else a new one (so no header can inject into a log)."""
    return offered if offered is not None and is_request_id(offered) else new_request_id()
