"""Blank text: text without a visible character."""

import re
from typing import Final

# Unicode's White_Space and Default_Ignorable_Code_Point (UCD, DerivedCoreProperties),
# control characters, and characters that have a width but no ink: the Hangul fillers, the
# blank Braille pattern, the musical null notehead.
_BLANK: Final = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00016fe4\U0001bca0-\U0001bca3\U0001d159"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)


def is_blank(text: str) -> bool:
    """Return whether `text` is empty or looks empty: it has only white space, zero-width and filler characters."""
    return _BLANK.fullmatch(text) is not None
