"""Pepper fingerprints: detect whether the configured peppers are those of a backup, without storing the peppers."""

from collections.abc import Iterable, Mapping
from typing import Final

from latchkey.peppers import Peppers

_TEXT: Final = "backup:fingerprint"
_DIGITS: Final = 32


def fingerprints(peppers: Peppers, pepper_ids: Iterable[str]) -> dict[str, str]:
    """Return a fingerprint per pepper ID, empty if that pepper is not configured."""
    # A fingerprint is an HMAC of a constant. It reveals nothing about its key, which has 256 random bits.
    return {
        pepper_id: peppers.digest(_TEXT, pepper_id).hex()[:_DIGITS] if pepper_id in peppers.by_id else ""
        for pepper_id in pepper_ids
    }


def mismatched_peppers(peppers: Peppers, known: Mapping[str, str]) -> list[str]:
    """Return the IDs in `known` whose pepper is missing here, or is a different one."""
    here = fingerprints(peppers, known)
    return [name for name, fingerprint in known.items() if not here[name] or here[name] != fingerprint]
