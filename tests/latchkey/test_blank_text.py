"""Text that looks empty counts as empty."""

import unicodedata
from datetime import UTC, datetime

import pytest

from latchkey.blank_text import is_blank
from latchkey.validation import Rejected, text

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# White space, zero width, joiners, a byte order mark, fillers, a blank pattern, a variation selector, a tag.
INVISIBLE = (
    " \xa0\u2003\u200b\u200d\u2060\ufeff\xad\u034f\u115f\u1160\u3164\uffa0\u2800\u180e\ufe0f\U000e0041\U0001d159"
)


@pytest.mark.parametrize("character", INVISIBLE, ids=lambda character: unicodedata.name(character, "control"))
def test_invisible_characters_are_an_empty_text(character: str) -> None:
    assert is_blank(character * 3)
    assert not is_blank(f"{character}a")
    assert text(character, "owner") == ""
    with pytest.raises(Rejected) as caught:
        text(character, "label", allow_empty=False)
    assert [fault.code for fault in caught.value.faults] == ["empty"]


@pytest.mark.parametrize("written", ["a", "0", "\u0301", "한", "🙂", "؀", "⠁", ".", "é"])
def test_what_can_be_seen_is_kept(written: str) -> None:
    assert text(written, "label", allow_empty=False) == written
