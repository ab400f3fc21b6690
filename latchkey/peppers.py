"""Peppers: keys kept outside the database, used to compute digests, to derive keys and to sign.

A secret has 256 random bits, so one HMAC-SHA-256 is enough: a slow hash protects guessable passwords, and
here would only cost time on each request. The pepper isn't in the database, so a copy of the database
can't verify any secret.
"""

import hmac
import re
from dataclasses import dataclass
from typing import Final

MINIMUM_BYTES: Final = 32
_ENTRY = re.compile(r"([A-Za-z0-9._-]{1,32}):((?:[0-9a-fA-F]{2})+)")


class PepperError(ValueError):
    """SECRET_PEPPERS can't be used; the message says why and shows none of it."""


@dataclass(frozen=True, slots=True, repr=False)
class Peppers:
    """Peppers by ID, each as an HMAC that is keyed and ready for its message.

    `current` is the ID of the pepper for new digests; the others verify older ones.
    """

    current: str
    by_id: dict[str, hmac.HMAC]

    def digest(self, text: str, pepper_id: str) -> bytes:
        """Return the HMAC-SHA-256 of `text`, 32 bytes. Raises KeyError if the pepper is no longer configured.

        Each use begins its text differently (`lks_`, `seal:`, `webhook:`, `backup:`, `record-file:`), so a digest made
        for one use is never valid for another.
        """
        # Copying a keyed HMAC is cheaper than setting up the key for each digest.
        mac = self.by_id[pepper_id].copy()
        mac.update(text.encode())
        return mac.digest()

    def digests(self, text: str) -> list[bytes]:
        """Return the digest of `text` under each pepper."""
        return [self.digest(text, pepper_id) for pepper_id in self.by_id]


def parse_peppers(text: str) -> Peppers:
    """Return the peppers in `ID:HEX[,ID:HEX]`, each of 32 bytes or more; the first is for new secrets.

    Raises PepperError.
    """
    by_id: dict[str, hmac.HMAC] = {}
    for entry in text.split(","):
        match = _ENTRY.fullmatch(entry.strip())
        if match is None:
            raise PepperError("each entry must be ID:HEX, with an ID of 1 to 32 letters, digits, '.', '_' or '-'")
        pepper_id, value = match.group(1), bytes.fromhex(match.group(2))
        if len(value) < MINIMUM_BYTES:
            raise PepperError(f"a pepper needs {MINIMUM_BYTES} bytes or more ({2 * MINIMUM_BYTES} hexadecimal digits)")
        if pepper_id in by_id:
            raise PepperError("two peppers have the same ID")
        by_id[pepper_id] = hmac.new(value, digestmod="sha256")
    return Peppers(next(iter(by_id)), by_id)
