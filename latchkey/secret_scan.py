"""Finds whole secrets of keys in files and directories, in bounded memory."""

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
# A whole secret; or a whole credential as HTTP Basic carries it.
_SUSPECT: Final = re.compile(
    SECRET_PREFIX.encode() + rb"(?P<random>[0-9A-Za-z]{43})(?P<check>[0-9A-Za-z]{6})|(?P<basic>bGtf[0-9A-Za-z+/]{88})"
)
# The key id before a secret, also as a URL has it.
_BEFORE: Final = re.compile(rf"({KEY_ID_PATTERN.pattern})(?::|%3[Aa])\Z".encode())
_LONGEST_BEFORE: Final = 18
# More than the longest match has: what is kept of one chunk, so that a secret across two of them is found.
_OVERLAP: Final = 128


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret whose checksum is right; `key_id` is that which stands before it. Its `repr` does not show it."""

    path: str
    line: int
    key_id: str | None
    secret: str = field(repr=False)

    @property
    def shortened(self) -> str:
        """As much of it as may be shown."""
        return f"{self.secret[:8]}…"


@dataclass(frozen=True, slots=True)
class Unread:
    """What was named or met, and could not be read."""

    path: str
    why: str


def scan(paths: Iterable[Path]) -> Iterator[FoundSecret | Unread]:
    """Every whole secret in the files that are named, and in those below the directories that are named.

    Symbolic links are not followed. Devices, pipes and sockets below a directory are passed over.
    """
    for path in paths:
        try:
            mode = path.lstat().st_mode
        except OSError as error:
            yield _unread(path, error)
            continue
        if stat.S_ISDIR(mode):
            yield from _scan_directory(path)
        elif stat.S_ISREG(mode):
            yield from _scan_file(path)
        else:
            yield Unread(_shown(path), "It is neither a file nor a directory; symbolic links are not followed")


def scan_stream(stream: BinaryIO, path: str) -> Iterator[FoundSecret]:
    """Every whole secret in a stream, in its order; `path` is what it is called."""
    kept = b""
    before = 1  # the line on which `kept` begins
    while chunk := stream.read(CHUNK):
        buffer = kept + chunk
        counted, line = 0, before
        for match in _SUSPECT.finditer(buffer):
            if match.end() <= len(kept):
                continue  # told already: it was whole in the chunk before
            line += buffer.count(b"\n", counted, match.start())
            counted = match.start()
            yield from _proved(match, path, line)
        kept = buffer[-_OVERLAP:]
        before += buffer.count(b"\n", 0, len(buffer) - len(kept))


def _scan_directory(directory: Path) -> Iterator[FoundSecret | Unread]:
    unread: list[Unread] = []

    def note(error: OSError) -> None:
        unread.append(_unread(Path(error.filename), error))

    for parent, directories, names in os.walk(directory, onerror=note):
        directories.sort()
        yield from unread
        unread.clear()
        for path in (Path(parent, name) for name in sorted(names)):
            yield from _scan_file(path)
    yield from unread


def _scan_file(path: Path) -> Iterator[FoundSecret | Unread]:
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb", buffering=0) as stream:
                yield from scan_stream(stream, _shown(path))
    except OSError as error:
        yield _unread(path, error)


def _unread(path: Path, error: OSError) -> Unread:
    return Unread(_shown(path), error.strerror or str(error))


def _shown(path: Path) -> str:
    """The path as text that can be written anywhere, also where its name is not UTF-8."""
    return os.fsencode(path).decode(errors="replace")


def _proved(match: re.Match[bytes], path: str, line: int) -> Iterator[FoundSecret]:
    """What the checksum says is a secret indeed."""
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
