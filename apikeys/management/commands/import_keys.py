"""Management command `import_keys`: issues keys for tokens of another system, from a file with their digests."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apikeys.imports.bulk_insert import prepare_connection
from apikeys.imports.service import ImportService
from apikeys.imports.source_values import MAX_KEYS
from apikeys.management.key_command import KeyCommand, add_limit_arguments, limit_value, time_ahead
from latchkey.cli.exit_codes import REFUSED
from latchkey.imports.file_import import BatchResult, FileImport, Summary, limit_sentence
from latchkey.imports.key_values import KeyReader, parse_mapping
from latchkey.imports.options import HELP, STANDARD_INPUT, kind_of, source_of
from latchkey.imports.presets import PRESETS
from latchkey.imports.progress import end_progress, progress_on
from latchkey.imports.rows import FileError, read_rows
from latchkey.timestamps import rfc3339
from ratelimit.limit import parse_limit_text


class Command(KeyCommand):
    """Management command that imports the keys of a file. Repeating it changes nothing."""

    help = (
        "Import keys whose tokens another system issued, by their digests. The tokens stay valid. "
        "Exit 2 if any row has an error; all other rows are imported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help=HELP["file"])
        parser.add_argument("--from", dest="preset", choices=list(PRESETS), help=HELP["preset"])
        parser.add_argument("--source", metavar="NAME", help=HELP["source"])
        parser.add_argument("--hash", help=HELP["hash"])
        parser.add_argument("--token-prefix", metavar="TEXT", help=HELP["token_prefix"])
        parser.add_argument("--alphabet", help=HELP["alphabet"])
        parser.add_argument("--length", metavar="N|MIN-MAX", help=HELP["length"])
        parser.add_argument(
            "--column", action="append", default=[], dest="columns", metavar="FIELD=COLUMN", help=HELP["column"]
        )
        parser.add_argument("--file-type", choices=["csv", "jsonl"], help=HELP["file_type"])
        parser.add_argument("--label", help=HELP["label"])
        parser.add_argument("--owner", help=HELP["owner"])
        parser.add_argument("--scope", action="append", default=[], dest="scopes", help=HELP["scope"])
        add_limit_arguments(parser)
        parser.add_argument(
            "--expires-in", type=time_ahead, metavar="SPAN|TIME", help="expiry of keys that have none; default: never"
        )
        parser.add_argument("--dry-run", action="store_true", help=HELP["dry_run"])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            kind = kind_of(options["file"], options["file_type"])
            source = source_of(
                options["preset"],
                name=options["source"],
                hash=options["hash"],
                prefix=options["token_prefix"],
                alphabet=options["alphabet"],
                length=options["length"],
            )
            columns = parse_mapping(options["columns"])
        except ValueError as error:
            raise CommandError(f"{error}.", returncode=REFUSED) from None
        reader = KeyReader.of(PRESETS.get(options["preset"]), columns, _defaults(options))
        summary = self._import(reader, source, kind, options)
        if options["format"] == "json" or summary.errors:
            self.show(summary.as_json(), options, [{"line": line, "error": text} for line, text in summary.errors])
        if options["format"] != "json":
            self.say(summary.sentence(dry_run=options["dry_run"]))
            self.say(_limit_of_others(options))
        if summary.failed:
            sys.exit(REFUSED)

    def _import(self, reader: KeyReader, source: dict[str, Any], kind: str, options: dict[str, Any]) -> Summary:
        service = ImportService(self.origin())
        prepare_connection()

        def send(keys: list[dict[str, Any]]) -> BatchResult:
            result = service.import_keys(source, keys, dry_run=options["dry_run"])
            errors = [(index, f"{fault.pointer.lstrip('/')}: {fault.detail}") for index, fault in result.errors]
            return BatchResult(result.imported, result.unchanged, errors)

        on_progress = progress_on(sys.stderr)
        work = FileImport(reader, source["hash"], send, max_keys=MAX_KEYS, on_progress=on_progress)
        try:
            with _opened(options["file"]) as file:
                return work.run(read_rows(file, kind))
        except (OSError, FileError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise CommandError(f"{options['file']}: {reason}", returncode=REFUSED) from None
        finally:
            end_progress(sys.stderr)


def _defaults(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of keys that have no value of their own."""
    defaults = {name: options[name] for name in ("label", "owner", "scopes") if options[name]}
    if options["expires_in"]:
        defaults["expires_at"] = rfc3339(options["expires_in"])
    return {**defaults, **limit_value(options)}


def _limit_of_others(options: dict[str, Any]) -> str:
    """Return which limit the keys get whose row has none."""
    typed: Any = limit_value(options)
    if typed:
        return limit_sentence(typed["rate_limit"])
    default = parse_limit_text(settings.DEFAULT_RATE_LIMIT)
    return limit_sentence(default.as_json() if default else None, origin="DEFAULT_RATE_LIMIT")


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    with Path(path).open("rb") as file:
        yield file
