"""Shape of imported tokens: the prefix, alphabet and length by which a text is recognized as one without a lookup."""

import re
from dataclasses import dataclass, field
from typing import Final

from latchkey.credentials import SECRET_PREFIX

ALPHABETS: Final = {
    "digits": "0-9",
    "hex": "0-9a-f",
    "base32": "A-Z2-7",
    "base62": "0-9A-Za-z",
    "base64url": "0-9A-Za-z_-",
}
MIN_RANDOM_LENGTH: Final = 16
MAX_LENGTH: Final = 256

PREFIX_PATTERN: Final = "[0-9A-Za-z._~+/=:-]{0,64}"
ALPHABET_PATTERN: Final = rf"({'|'.join(ALPHABETS)})(\+[._~+/=:-]{{1,8}})?"

_PLAUSIBLE = re.compile(r"[0-9A-Za-z._~+/=:-]{16,256}")
_PREFIX = re.compile(PREFIX_PATTERN)
_ALPHABET = re.compile(ALPHABET_PATTERN)


def is_plausible_token(text: str) -> bool:
    """Return whether `text` could be an imported token of some shape."""
    # With the prefix of a secret, it's far more likely to be a mistyped credential of our own.
    return _PLAUSIBLE.fullmatch(text) is not None and SECRET_PREFIX not in text


class ShapeError(ValueError):
    """The shape isn't usable. `part` names what is wrong: prefix, alphabet, min_length or max_length."""

    def __init__(self, part: str, detail: str) -> None:
        super().__init__(detail)
        self.part = part


@dataclass(frozen=True, slots=True)
class TokenShape:
    """Prefix, alphabet of what follows it, and lengths of the whole token.

    The alphabet is a name of ALPHABETS, to which characters may be added: `base62+.`. Raise ShapeError if a token of
    this shape could be guessed, or could not be sent in a header field.
    """

    prefix: str
    alphabet: str
    min_length: int
    max_length: int
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ShapeError("prefix", "prefix must have at most 64 letters, digits and characters of . _ ~ + / = : -")
        match = _ALPHABET.fullmatch(self.alphabet)
        if match is None:
            names = ", ".join(ALPHABETS)
            raise ShapeError("alphabet", f"alphabet must be one of {names}, plus other characters as in base62+.")
        if not len(self.prefix) + MIN_RANDOM_LENGTH <= self.min_length:
            detail = f"min_length must leave {MIN_RANDOM_LENGTH} characters or more after the prefix."
            raise ShapeError("min_length", detail)
        if not self.min_length <= self.max_length <= MAX_LENGTH:
            raise ShapeError("max_length", f"max_length must be from min_length to {MAX_LENGTH}.")
        characters = ALPHABETS[match[1]] + re.escape((match[2] or "+")[1:])
        least, most = (length - len(self.prefix) for length in (self.min_length, self.max_length))
        # One class of characters and a bounded count: no text makes this slow.
        pattern = f"{re.escape(self.prefix)}[{characters}]{{{least},{most}}}"
        object.__setattr__(self, "_pattern", re.compile(pattern))

    def matches(self, text: str) -> bool:
        """Return whether `text` has this shape."""
        return self._pattern.fullmatch(text) is not None
