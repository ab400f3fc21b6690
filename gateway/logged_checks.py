"""LOG_CHECKS setting: which allowed checks and valid verifications are logged. Others are always logged."""

from collections.abc import Container, Sequence
from typing import Final

from latchkey.credentials import KEY_ID_PATTERN

ALL: Final = "all"
REFUSED: Final = "refused"
MOST_KEYS: Final = 100


class EveryKey(Container[str]):
    """Container that holds every key ID."""

    def __contains__(self, key_id: object) -> bool:
        return True


def parse_logged_checks(entries: Sequence[str]) -> Container[str]:
    """Return the key IDs whose checks are logged. The result is falsy if it contains no key.

    `entries` is `all`, `refused` (no key), or up to MOST_KEYS key IDs. Raise ValueError otherwise.
    """
    words = [entry.lower() for entry in entries]
    if words == [ALL]:
        return EveryKey()
    if words == [REFUSED]:
        return frozenset()
    if not 0 < len(entries) <= MOST_KEYS or not all(map(KEY_ID_PATTERN.fullmatch, entries)):
        # Don't repeat an entry in the message: it may be a whole credential.
        raise ValueError(f"must be {ALL}, {REFUSED}, or up to {MOST_KEYS} key IDs, separated by commas")
    return frozenset(entries)
