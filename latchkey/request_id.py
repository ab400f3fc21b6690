"""The request id: one name for a request in every log line, event, problem and answer."""

import os
import re
from typing import Final

PATTERN: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


def new_request_id() -> str:
    """A fresh id: 32 hexadecimal characters, random."""
    return os.urandom(16).hex()


def resolve_request_id(offered: str | None) -> str:
    """The client's id where it matches PATTERN whole, else a new one (so no header can inject into a log)."""
    if offered is not None and PATTERN.fullmatch(offered):
        return offered
    return new_request_id()
