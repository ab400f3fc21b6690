"""Latchkey's own secrets and private keys, for whole files; and the same as a plugin of detect-secrets."""

import re
from collections.abc import Generator, Iterator
from io import BytesIO
from typing import Any

from detect_secrets.plugins.base import BasePlugin

from latchkey.secret_scan import scan_stream

# A heading, headers of the key if it has any, and the key; also as a program or JSON writes its lines.
PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    rb"""(?:\s|\\[nr]|["'+,()]|(?:Proc-Type|DEK-Info|Version|Comment): [^\r\n]*)*[A-Za-z0-9+/]{32}"""
)
# In the forms in which Latchkey, Django and openssl generate them.
SETTING = re.compile(
    rb"""\bSECRET_PEPPERS["']?\s*[=:]\s*["']?(p\w*:[0-9a-f]{64})"""
    rb"""|\bSECRET_KEY["']?\s*[=:]\s*["']?([A-Za-z0-9!@#$%^&*(\-_=+)/]{40,})"""
)
WEBHOOK = re.compile(rb"\bwhsec_[A-Za-z0-9+/]{32,}={0,2}")
PATTERNS = (
    (b"PRIVATE KEY", "private key", PRIVATE_KEY),
    (b"SECRET_", "setting", SETTING),
    (b"whsec_", "webhook's secret", WEBHOOK),
)


def secrets_in(content: bytes) -> Iterator[tuple[int, str, str]]:
    """Return line, kind and text of each secret. A key's secret counts only if its checksum is right."""
    # Most files contain none of these, and looking for plain bytes is much faster than a regular expression.
    if b"lks_" in content or b"bGtf" in content:
        yield from ((it.line, "a key's secret", it.secret) for it in scan_stream(BytesIO(content), ""))
    for plain, kind, pattern in PATTERNS:
        for match in pattern.finditer(content) if plain in content else ():
            yield content.count(b"\n", 0, match.start()) + 1, kind, match[match.lastindex or 0].decode()


class LatchkeySecretDetector(BasePlugin):
    """Finds the secrets of Latchkey in a line."""

    secret_type = "Latchkey secret"

    def analyze_string(self, string: str) -> Generator[str, Any, None]:
        yield from (secret for _, _, secret in secrets_in(string.encode()))
