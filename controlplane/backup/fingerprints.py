"""Whether the peppers here are those of a backup, told without the peppers."""

from collections.abc import Iterable, Mapping
from typing import Final

from latchkey.peppers import Peppers

_TEXT: Final = "backup:fingerprint"
_DIGITS: Final = 32


def fingerprints(peppers: Peppers, pepper_ids: Iterable[str]) -> dict[str, str]:
    """The fingerprint of each pepper that is here; empty for one that is not.

    An HMAC of a constant tells nothing about its key, which has 256 random bits.
    """
    return {
        pepper_id: peppers.digest(_TEXT, pepper_id).hex()[:_DIGITS] if pepper_id in peppers.by_id else ""
        for pepper_id in pepper_ids
    }


def strange_peppers(peppers: Peppers, known: Mapping[str, str]) -> list[str]:
    """The ids in `known` whose pepper is not here, or is another one under the same id."""
    here = fingerprints(peppers, known)
    return [name for name, fingerprint in known.items() if not here[name] or here[name] != fingerprint]
