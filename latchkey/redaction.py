"""Takes credentials out of text that is about to be written where others can read it."""

import re
from typing import Final

REDACTED: Final = "[redacted]"
# For proxies, in the syntax of PCRE and RE2: the key id and how the secret begins. In Base64 the key id takes 20
# characters, the first of them for `lk_`, and what follows stands for `:lks_` or `.lks_`. Envoy takes no pattern that
# is much larger, hence one range of characters.
CREDENTIAL: Final = "lk_[0-9a-z]{12}[:.]lks_|[Bb][Aa][Ss][Ii][Cc] +bGtf[+-z]{16}[OL]mxrc1"
"""A credential in the value of an Authorization field."""

_SECRET = re.compile(r"lks_[0-9A-Za-z_]+")  # with "_", as two secrets may stand side by side
# HTTP Basic carries a credential as base64; every key id starts "lk_", so every such token starts "bGtf".
_BASIC = re.compile(r"bGtf[A-Za-z0-9+/_-]{16,}={0,2}")
# A webhook's signing secret, and what stands behind a telling name: `password=x`, `"password": "x"`, also within a
# string that is JSON itself. Peppers are several, with commas between them.
_WEBHOOK = re.compile(r"whsec_[A-Za-z0-9+/=_-]+")
_NAMED = re.compile(
    r"""(?i)((?:secret_key|password\d*|passwd|x-api-key)[\\"']*\s*[=:]\s*(?:b(?=["']))?[\\"']*)"""
    r"""(?!\[redacted\])[^\s"'\\;}]+"""
)
_FIELDS = re.compile(
    r"""(?i)((?:authorization|cookie)[\\"']*\s*[=:]\s*(?:b(?=["']))?[\\"']*)(?!\[redacted\])[^"'\\\r\n]+"""
)
_PEPPERS = re.compile(r"""(?i)(secret_peppers[\\"']*\s*[=:]\s*[\\"']*)(?!\[redacted\])[^\s"'\\;}]+""")
# What every secret that is found below has about it: most texts have none of it, and are done with at one look.
_SUSPECT = re.compile(r"(?i)lks_|bgtf|whsec_|secret_|passw|authorization|x-api-key|cookie|://")
_URL_PASSWORD = re.compile(r"(\w://[^\s:/@]*:)[^\s/]+@")


def redact(text: str) -> str:
    """`text` without secrets: every `lks_…`, Basic token, named password and URL password is replaced.

    A key id is no secret and stays, so that a line can still be matched to its key.
    """
    if not _SUSPECT.search(text):
        return text
    text = redact_tokens(text)
    text = _NAMED.sub(r"\1" + REDACTED, text)
    text = _FIELDS.sub(r"\1" + REDACTED, text)
    text = _PEPPERS.sub(r"\1" + REDACTED, text)
    return _URL_PASSWORD.sub(r"\1" + REDACTED + "@", text)


def redact_tokens(text: str) -> str:
    """`text` without what is a secret by its own shape. It takes no quote and no backslash out, so JSON stays JSON."""
    if "lks_" in text:
        text = _SECRET.sub("lks_" + REDACTED, text)
    if "bGtf" in text:
        text = _BASIC.sub(REDACTED, text)
    return _WEBHOOK.sub("whsec_" + REDACTED, text) if "whsec_" in text else text
