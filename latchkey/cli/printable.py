"""Text from elsewhere, made safe for a terminal."""

import re
from typing import Final

_CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return `text` on one line, with escapes for all characters that control a terminal or change text direction."""
    return _CONTROL_CHARACTERS.sub(lambda found: repr(found[0])[1:-1], text)
