"""Our own rules of what is a secret: those of Latchkey, and private keys. Quick enough for the files of an image."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1
from io import BytesIO
from typing import Final

from latchkey.secret_scan import scan_stream

# A heading, headers of the key where it has some, and the key: also as a program or JSON writes its lines.
_PRIVATE_KEY: Final = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    rb"""(?:\s|\\[nr]|["'+,()]|(?:Proc-Type|DEK-Info|Version|Comment): [^\r\n]*)*[A-Za-z0-9+/]{32}"""
)
_SETTING: Final = re.compile(
    rb"""\b(?P<name>SECRET_KEY|SECRET_PEPPERS)["']?[ \t]*[=:][ \t]*(?P<value>["'][^"'\r\n]{16,}["']|[^\s"']{16,})"""
)
# What stands for a value and is none: a variable of a shell or a template, a text cut short or to be filled in.
_NO_VALUE: Final = re.compile(
    rb"^<|^\$[A-Za-z_]\w*$|\$\{|\$\((?:openssl|python3?|pwgen|cat|head)\b|\{\{|%\(\w+\)s"
    rb"|\{\w[\w.]*[}(\[]|\xe2\x80\xa6|\.\.\.|_HEX\b"
)
# And without quotes, a name or a call.
_NO_TEXT: Final = re.compile(
    rb"^(?=.{,39}$)(?!(?:\D*\d){4})[A-Za-z_][\w.]*[,;)]*$|^[A-Za-z_][\w.]*\([\w=.,*\[\]]*\)*[,;]?$"
)


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something that is a secret: of which kind, on which line, and its hash, by which it may be allowed."""

    line: int
    kind: str
    digest: str


def suspects(content: bytes, *, settings: bool = True) -> Iterator[Suspect]:
    """The secrets in a file. `settings` tells whether values of SECRET_KEY and SECRET_PEPPERS count."""
    for found in scan_stream(BytesIO(content), ""):
        yield Suspect(found.line, f"Latchkey secret {found.shortened}", digest_of(found.secret))
    for match in _PRIVATE_KEY.finditer(content):
        yield _suspect(content, match.start(), "private key", match[0])
    for match in _SETTING.finditer(content) if settings else ():
        value = match["value"]
        quoted = value[0] in b"\"'"
        value = value.strip(b"\"'")
        if not (_NO_VALUE.search(value) or (not quoted and _NO_TEXT.search(value))):
            yield _suspect(content, match.start(), f"value of {match['name'].decode()}", value)


def digest_of(secret: str) -> str:
    """The hash by which detect-secrets, too, names a secret in its baselines."""
    return sha1(secret.encode(), usedforsecurity=False).hexdigest()


def _suspect(content: bytes, at: int, kind: str, secret: bytes) -> Suspect:
    return Suspect(content.count(b"\n", 0, at) + 1, kind, digest_of(secret.decode(errors="replace")))
