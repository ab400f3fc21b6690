"""Management command `scan_for_secrets`: finds secrets of keys in files."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandParser
from django.db import DatabaseError
from django.utils import timezone

from apikeys.management.key_command import KeyCommand
from apikeys.peppers import configured_peppers
from apikeys.secret_lookup import KnownSecret, find_secret
from latchkey.cli.exit_codes import COULD_NOT
from latchkey.redaction import redact
from latchkey.secret_scan import FoundSecret, UnreadablePath, scan, scan_stream

FOUND: Final = 1
STANDARD_INPUT: Final = "-"


class Command(KeyCommand):
    """Management command that finds secrets and reports which of them work here, without showing them."""

    help = "Search files for secrets of keys. Exit 0 if there are none, 1 if there are any."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, a directory, or - for standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        found: list[dict[str, object]] = []
        unread = 0
        for it in _scanned(options["paths"]):
            if isinstance(it, UnreadablePath):
                unread += 1
                self.say(f"Not read: {it.path}: {it.reason}.")
            else:
                found.append(self._row(it))
        self.show({"items": found, "unread": unread}, options, found)
        usable = sorted({str(row["key_id"]) for row in found if row["works_here"]})
        if usable:
            self.say(f"Valid on this server: secrets of {', '.join(usable)}. Rotate or revoke these keys immediately.")
        if found:
            sys.exit(FOUND)
        if unread:
            sys.exit(COULD_NOT)

    def _row(self, found: FoundSecret) -> dict[str, object]:
        known: KnownSecret | None = None
        works: bool | None = None
        try:
            known = find_secret(found.secret, configured_peppers(), timezone.now())
            works = known is not None and known.is_usable
        except DatabaseError as error:
            self.say(f"Not looked up: {redact(str(error))}")
        return {
            "path": found.path,
            "line": found.line,
            "secret": found.shortened,
            "key_id": known.key_id if known else found.key_id,
            "key_state": known.key_state.value if known else None,
            "secret_state": known.secret_state.value if known else None,
            "works_here": works,
        }


def _scanned(paths: list[str]) -> Iterator[FoundSecret | UnreadablePath]:
    for path in paths:
        if path == STANDARD_INPUT:
            yield from scan_stream(sys.stdin.buffer, STANDARD_INPUT)
        else:
            yield from scan([Path(path)])
