"""`latchkey keys import`: issues keys for tokens of another system, from a file with their digests."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from latchkey.cli import output
from latchkey.cli.exit_codes import REFUSED
from latchkey.cli.invocation import Invocation
from latchkey.cli.parameters import Burst, ExpiresIn, PerSeconds, Rate, Unlimited, invocation_of, rate_limit_of
from latchkey.imports.key_values import KeyReader, parse_mapping
from latchkey.imports.options import HELP, STANDARD_INPUT, kind_of, source_of
from latchkey.imports.presets import PRESETS
from latchkey.timestamps import rfc3339

if TYPE_CHECKING:
    from latchkey.imports.file_import import BatchResult, Summary

MAX_KEYS: Final = 1000
# A body may have 64 KiB. The rest is for the source.
MAX_BYTES: Final = 60_000


def import_keys(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help=HELP["file"], show_default=False)],
    preset: Annotated[str | None, typer.Option("--from", metavar="TABLE", help=HELP["preset"])] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help=HELP["source"])] = None,
    hash: Annotated[str | None, typer.Option(metavar="HASH", help=HELP["hash"])] = None,
    token_prefix: Annotated[str | None, typer.Option(metavar="TEXT", help=HELP["token_prefix"])] = None,
    alphabet: Annotated[str | None, typer.Option(metavar="NAME", help=HELP["alphabet"])] = None,
    length: Annotated[str | None, typer.Option(metavar="N|MIN-MAX", help=HELP["length"])] = None,
    column: Annotated[list[str] | None, typer.Option(metavar="FIELD=COLUMN", help=HELP["column"])] = None,
    file_type: Annotated[str | None, typer.Option(metavar="csv|jsonl", help=HELP["file_type"])] = None,
    label: Annotated[str | None, typer.Option(metavar="LABEL", help=HELP["label"])] = None,
    owner: Annotated[str | None, typer.Option(metavar="OWNER", help=HELP["owner"])] = None,
    scope: Annotated[list[str] | None, typer.Option(metavar="SCOPE", help=HELP["scope"])] = None,
    burst: Burst = None,
    per_seconds: PerSeconds = None,
    rate: Rate = None,
    unlimited: Unlimited = False,
    expires_in: ExpiresIn = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=HELP["dry_run"])] = False,
) -> None:
    """Import keys whose tokens another system issued, by their digests. The tokens stay valid. Exit 2 if any row has an
    error; all other rows are imported.
    """
    typed = {"label": label, "owner": owner, "scopes": scope, "expires_at": expires_in and rfc3339(expires_in)}
    defaults = {name: value for name, value in typed.items() if value}
    limit: Any = rate_limit_of(burst, per_seconds, rate, unlimited=unlimited)
    defaults |= {name: value and value.as_json() for name, value in limit.items()}
    try:
        kind = kind_of(file, file_type)
        described = source_of(preset, name=source, hash=hash, prefix=token_prefix, alphabet=alphabet, length=length)
        columns = parse_mapping(column or [])
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None
    reader = KeyReader.of(PRESETS[preset] if preset else None, columns, defaults)
    invocation = invocation_of(context)
    summary = _import(invocation, reader, described, file, kind, dry_run=dry_run)
    rows = [{"line": line, "error": text} for line, text in summary.errors]
    if rows or not invocation.view.is_table:
        output.print_rows(summary.as_json(), invocation.view, rows=rows, items="errors")
    if invocation.view.is_table:
        invocation.say(summary.sentence(dry_run=dry_run))
        invocation.say(_limit_of_others(limit))
    if summary.failed:
        raise typer.Exit(REFUSED)


def _import(
    invocation: Invocation, reader: KeyReader, source: Mapping[str, Any], file: str, kind: str, *, dry_run: bool
) -> "Summary":
    # Imported late: `--help` needs neither SQLite nor CSV.
    from latchkey.imports.file_import import BatchResult, FileImport
    from latchkey.imports.progress import end_progress, progress_on
    from latchkey.imports.rows import FileError, read_rows

    # A limit of the calling key only makes a large file take longer.
    invocation.options = replace(invocation.options, wait=True)
    client = invocation.client

    def send(keys: list[dict[str, Any]]) -> "BatchResult":
        result = client.keys.import_batch(source, keys, dry_run=dry_run)
        # A pointer is /keys/INDEX/FIELD.
        places = [(pointer.split("/", 3), detail) for pointer, detail in result.errors]
        errors = [(int(place[2]), f"{''.join(place[3:])}: {detail}") for place, detail in places]
        return BatchResult(result.imported, result.unchanged, errors)

    on_progress = progress_on(sys.stderr)
    work = FileImport(reader, source["hash"], send, max_keys=MAX_KEYS, max_bytes=MAX_BYTES, on_progress=on_progress)
    try:
        with _opened(file) as opened:
            return work.run(read_rows(opened, kind))
    except FileError as error:
        raise typer.BadParameter(f"{file}: {error}") from None
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None
    finally:
        end_progress(sys.stderr)


def _limit_of_others(typed: Mapping[str, Any]) -> str:
    """Return which limit the keys get whose row has none."""
    from latchkey.imports.file_import import limit_sentence

    if not typed:
        return "A key without a limit of its own gets the server's DEFAULT_RATE_LIMIT."
    limit = typed["rate_limit"]
    return limit_sentence(limit and limit.as_json())


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as opened:
        yield opened
