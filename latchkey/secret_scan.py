"""Scanner for whole secrets of keys in files and directories. It uses bounded memory."""

import base64
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from latchkey.credentials import (
    KEY_ID_PATTERN,
    SECRET_PREFIX,
    MalformedCredential,
    checksum,
    parse_credential,
)

CHUNK: Final = 1 << 20
# A whole secret, or a whole credential as HTTP Basic carries it.
_SUSPECT: Final = re.compile(
    SECRET_PREFIX.encode() + rb"(?P<random>[0-9A-Za-z]{43})(?P<check>[0-9A-Za-z]{6})|(?P<basic>bGtf[0-9A-Za-z+/]{88})"
)
# The key ID in front of a secret. In a URL the colon or the dot may be percent-encoded.
_BEFORE: Final = re.compile(rf"({KEY_ID_PATTERN.pattern})(?:[:.]|%3[Aa]|%2[Ee])\Z".encode())
_LONGEST_BEFORE: Final = 18
# Longer than the longest match. This much of each chunk is kept, so that a secret that spans two chunks is found.
_OVERLAP: Final = 128


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret whose checksum is right. Its `repr` doesn't show the secret.

    `key_id` is the key ID in front of it, or None.
    """

    path: str
    line: int
    key_id: str | None
    secret: str = field(repr=False)

    @property
    def shortened(self) -> str:
        """Return as much of the secret as may be shown."""
        return f"{self.secret[:8]}…"


@dataclass(frozen=True, slots=True)
class UnreadablePath:
    """A path that was named or found, and couldn't be read."""

    path: str
    reason: str


def scan(paths: Iterable[Path]) -> Iterator[FoundSecret | UnreadablePath]:
    """Yield every whole secret in the named files, and in the files below the named directories.

    Symbolic links aren't followed. Devices, pipes and sockets below a directory are skipped.
    """
    for path in paths:
        try:
            mode = path.lstat().st_mode
        except OSError as error:
            yield _unreadable(path, error)
            continue
        if stat.S_ISDIR(mode):
            yield from _scan_directory(path)
        elif stat.S_ISREG(mode):
            yield from _scan_file(path)
        else:
            yield UnreadablePath(_shown(path), "it is neither a file nor a directory (symbolic links are not followed)")


def scan_stream(stream: BinaryIO, path: str) -> Iterator[FoundSecret]:
    """Yield every whole secret in a stream, in order. `path` is the name under which it's reported."""
    kept = b""
    # The line on which `kept` begins.
    before = 1
    while chunk := stream.read(CHUNK):
        buffer = kept + chunk
        counted, line = 0, before
        for match in _SUSPECT.finditer(buffer):
            if match.end() <= len(kept):
                # Reported already: it was whole in the chunk before.
                continue
            line += buffer.count(b"\n", counted, match.start())
            counted = match.start()
            yield from _verified(match, path, line)
        kept = buffer[-_OVERLAP:]
        before += buffer.count(b"\n", 0, len(buffer) - len(kept))


def _scan_directory(directory: Path) -> Iterator[FoundSecret | UnreadablePath]:
    unread: list[UnreadablePath] = []

    def note(error: OSError) -> None:
        unread.append(_unreadable(Path(error.filename), error))

    for parent, directories, names in os.walk(directory, onerror=note):
        # os.walk descends in this order, so sorting makes reports reproducible.
        directories.sort()
        # os.walk reports errors to a callback, which can't yield them.
        yield from unread
        unread.clear()
        for path in (Path(parent, name) for name in sorted(names)):
            yield from _scan_file(path)
    yield from unread


def _scan_file(path: Path) -> Iterator[FoundSecret | UnreadablePath]:
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            # The file may have been replaced by a link since the check.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb", buffering=0) as stream:
                yield from scan_stream(stream, _shown(path))
    except OSError as error:
        yield _unreadable(path, error)


def _unreadable(path: Path, error: OSError) -> UnreadablePath:
    return UnreadablePath(_shown(path), error.strerror or str(error))


def _shown(path: Path) -> str:
    """Return the path as text that can be written anywhere, even if its name isn't UTF-8."""
    return os.fsencode(path).decode(errors="replace")


def _verified(match: re.Match[bytes], path: str, line: int) -> Iterator[FoundSecret]:
    """Yield the secret in `match` if its checksum is right."""
    if match["basic"] is not None:
        try:
            credential = parse_credential(base64.b64decode(match["basic"]).decode("ascii"))
        except (MalformedCredential, UnicodeDecodeError):
            return
        yield FoundSecret(path, line, credential.key_id, credential.secret)
        return
    random_part, check = match["random"].decode(), match["check"].decode()
    if checksum(random_part) == check:
        before = _BEFORE.search(match.string, max(0, match.start() - _LONGEST_BEFORE), match.start())
        yield FoundSecret(path, line, before[1].decode() if before else None, f"{SECRET_PREFIX}{random_part}{check}")
