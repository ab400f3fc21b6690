"""Which checks that let a request pass leave a line in the log. A check that refuses one always does."""

from collections.abc import Container, Sequence
from typing import Final

from latchkey.credentials import KEY_ID_PATTERN

ALL: Final = "all"
REFUSED: Final = "refused"
MOST_KEYS: Final = 100


class EveryKey(Container[str]):
    """Holds every key id."""

    def __contains__(self, key_id: object) -> bool:
        return True


def parse_logged_checks(entries: Sequence[str]) -> Container[str]:
    """Return the key ids whose checks are logged: `entries` is `all`, `refused` (no key's), or up to MOST_KEYS key ids.

    What is empty is false. Raises ValueError, whose text repeats no entry: one may be a whole credential.
    """
    words = [entry.lower() for entry in entries]
    if words == [ALL]:
        return EveryKey()
    if words == [REFUSED]:
        return frozenset()
    if not 0 < len(entries) <= MOST_KEYS or not all(map(KEY_ID_PATTERN.fullmatch, entries)):
        raise ValueError(f"must be {ALL}, {REFUSED}, or up to {MOST_KEYS} key ids, separated by commas")
    return frozenset(entries)
