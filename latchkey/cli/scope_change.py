"""Scopes that are added to those of a key, or taken from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from latchkey.cli.errors import CLIError
from latchkey.problems import ProblemError

if TYPE_CHECKING:
    from latchkey.client.key import Key, KeyReceipt
    from latchkey.client.keys import Keys

_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class ScopeChange:
    """The scopes to add and to remove. It's false without any."""

    added: tuple[str, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def update(self, keys: "Keys", key_id: str, changes: Mapping[str, Any], if_match: str | None) -> "Key | KeyReceipt":
        """Change the scopes of the key together with its other `changes`.

        If another client changes the key at the same time, its scopes are read again. With `if_match`, that's an
        error instead. Raises ClientError, and CLIError if the calling key may not read keys.
        """
        if not self:
            return keys.update(key_id, if_match=if_match, **changes)
        attempt = 0
        while True:
            attempt += 1
            key = _read(keys, key_id)
            scopes = sorted((set(key.document["scopes"]) | set(self.added)) - set(self.removed))
            try:
                return keys.update(key_id, if_match=if_match or key.etag, **{**changes, "scopes": scopes})
            except ProblemError as problem:
                if problem.slug != "precondition-failed" or if_match is not None or attempt == _ATTEMPTS:
                    raise


def _read(keys: "Keys", key_id: str) -> "Key":
    try:
        return keys.show(key_id)
    except ProblemError as problem:
        if problem.slug != "insufficient-scope":
            raise
        raise CLIError(
            "The key's scopes can't be read",
            "--add-scope and --remove-scope need a calling key with the scope keys:read.",
            "Use such a key, or give all scopes with --scope.",
        ) from None
