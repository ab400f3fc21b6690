"""Redaction: removes credentials from text that is about to be written where others can read it."""

import re
from typing import Final

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
    r"""(?i)((?:secret_key|password\d*|passwd|x-api-key)[\\"']*\s*[=:]\s*(?:b(?=["']))?[\\"']*)"""
    r"""(?!\[redacted\])[^\s"'\\;}]+"""
)
_FIELDS = re.compile(
    r"""(?i)((?:authorization|cookie)[\\"']*\s*[=:]\s*(?:b(?=["']))?[\\"']*)(?!\[redacted\])[^"'\\\r\n]+"""
)
_PEPPERS = re.compile(
    r"""(?i)((?:secret_peppers|import_hmac_secrets)[\\"']*\s*[=:]\s*[\\"']*)(?!\[redacted\])[^\s"'\\;}]+"""
)
# Each secret that is found below contains one of these. Most texts contain none, so one search is enough for them.
_SUSPECT = re.compile(r"(?i)lks_|bgtf|whsec_|secret_|hmac_secrets|passw|authorization|x-api-key|cookie|://")
_URL_PASSWORD = re.compile(r"(\w://[^\s:/@]*:)[^\s/]+@")


def redact(text: str) -> str:
    """Return `text` without secrets: every `lks_…`, Basic token, named password and URL password is replaced.

    A key ID isn't a secret and stays, so that a line can still be matched to its key.
    """
    if not _SUSPECT.search(text):
        return text
    text = redact_tokens(text)
    text = _NAMED.sub(r"\1" + REDACTED, text)
    text = _FIELDS.sub(r"\1" + REDACTED, text)
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
