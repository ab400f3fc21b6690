"""Redaction: removes credentials from text that is about to be written where others can read it."""

import re
from collections.abc import Iterable
from typing import ClassVar, Final

REDACTED: Final = "[redacted]"
# For proxies, in the syntax that PCRE and RE2 share: the key ID and how the secret begins. In Base64 the key ID
# takes 20 characters, the first four of which stand for `lk_`, and what follows stands for `:lks_` or `.lks_`.
# Envoy accepts no pattern that is much larger, hence the single range of characters.
CREDENTIAL: Final = "lk_[0-9a-z]{12}[:.]lks_|[Bb][Aa][Ss][Ii][Cc] +bGtf[+-z]{16}[OL]mxrc1"
"""Pattern of a credential in the value of an Authorization field."""

# The class has "_" because two secrets may stand next to each other.
_SECRET = re.compile(r"lks_[0-9A-Za-z_]+")
# HTTP Basic carries a credential as Base64. Every key ID starts with
# "lk_", so every such token starts with "bGtf".
_BASIC = re.compile(r"bGtf[A-Za-z0-9+/_-]{16,}={0,2}")
# A webhook's signing secret, and values after a name that says what they are: `password=x`, `"password": "x"`,
# also within a string that is itself JSON. SECRET_PEPPERS and IMPORT_HMAC_SECRETS hold several, separated by commas.
_WEBHOOK = re.compile(r"whsec_[A-Za-z0-9+/=_-]+")
_NAMED = re.compile(
    r"""(?i)((?:secret_key|password\d*|passwd)[\\"']*\s*[=:]\s*(?:b(?=["']))?[\\"']*)"""
    r"""(?!\[redacted\])[^\s"'\\;}]+"""
)
_USUAL_FIELDS: Final = ("authorization", "cookie", "x-api-key")
_PEPPERS = re.compile(
    r"""(?i)((?:secret_peppers|import_hmac_secrets)[\\"']*\s*[=:]\s*[\\"']*)(?!\[redacted\])[^\s"'\\;}]+"""
)
_URL_PASSWORD = re.compile(r"(\w://[^\s:/@]*:)[^\s/]+@")


class _Fields:
    """Header fields whose values are redacted, whatever they are."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(name.lower() for name in names)
        # In an environment, such as Django's META, a name has underscores for its hyphens.
        spelled = "|".join(re.escape(name).replace(r"\-", "[-_]") for name in sorted(self.names))
        # Each secret that `redact` finds contains one of these. Most texts contain none, so one search is enough.
        self.suspect = re.compile(rf"(?i)lks_|bgtf|whsec_|secret_|hmac_secrets|passw|://|{spelled}")
        self.pattern = re.compile(
            rf"""(?i)((?<![a-z0-9])(?:{spelled})[\\"']*\s*[=:]\s*+(?:b(?=["']))?[\\"']*+)"""
            # Our own messages say how to send a key. Their placeholder isn't one.
            r"""(?!\[redacted\]|(?:Bearer )?key_id:secret)[^"'\\\r\n]+"""
        )


class _Redacted:
    """The fields that this process redacts."""

    fields: ClassVar = _Fields(_USUAL_FIELDS)


def redact_fields(names: Iterable[str]) -> None:
    """Redact the values of these header fields too, from now on."""
    _Redacted.fields = _Fields((*_USUAL_FIELDS, *names))


def is_redacted_field(name: str) -> bool:
    """Return whether the values of the header field are redacted."""
    return name.lower().replace("_", "-").removeprefix("http-") in _Redacted.fields.names


def redact(text: str) -> str:
    """Return `text` without secrets: every `lks_…`, Basic token, named password and URL password is replaced.

    A key ID isn't a secret and stays, so that a line can still be matched to its key.
    """
    fields = _Redacted.fields
    if not fields.suspect.search(text):
        return text
    text = redact_tokens(text)
    text = _NAMED.sub(r"\1" + REDACTED, text)
    text = fields.pattern.sub(r"\1" + REDACTED, text)
    text = _PEPPERS.sub(r"\1" + REDACTED, text)
    return _URL_PASSWORD.sub(r"\1" + REDACTED + "@", text)


def redact_tokens(text: str) -> str:
    """Return `text` without secrets that are recognizable by their own shape.

    No quote and no backslash is removed, so JSON stays valid JSON.
    """
    if "lks_" in text:
        text = _SECRET.sub("lks_" + REDACTED, text)
    if "bGtf" in text:
        text = _BASIC.sub(REDACTED, text)
    return _WEBHOOK.sub("whsec_" + REDACTED, text) if "whsec_" in text else text
