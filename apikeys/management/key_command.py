"""Base class and helpers of the management commands about keys."""

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from apikeys.config_service import ConfigService
from events.origin import Origin
from latchkey.cli.exit_codes import COULD_NOT, REFUSED
from latchkey.cli.rate import parse_rate
from latchkey.duration import time_or_span_ahead
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import ProblemError
from latchkey.redaction import redact
from latchkey.strict_json import MalformedJSON, loads
from ratelimit.checks import SETTINGS
from ratelimit.stores import BucketStoreError


class KeyCommand(BaseCommand):
    """Management command that writes its result, as JSON or a table, to standard output, and nothing else there.

    Exit status: 0 done; 2 rejected (the message names each field and what to do); 3 failed (database or bucket
    store).
    """

    requires_system_checks = [SETTINGS]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument("--format", choices=["table", "json"], default="table", help="default: table")
        refuse = parser.error
        # The message repeats the wrong argument, which may be a credential.
        parser.error = lambda message: refuse(redact(message))  # type: ignore[method-assign]
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except ProblemError as error:
            raise CommandError(explain(error), returncode=REFUSED) from None
        except (DatabaseError, BucketStoreError) as error:
            raise CommandError(
                f"Failed: {redact(str(error))}. Check that the database is running and migrated (manage.py migrate).",
                returncode=COULD_NOT,
            ) from None

    def origin(self) -> Origin:
        """Return the origin of changes by this command, as events show it."""
        return Origin.of_command(type(self).__module__.rpartition(".")[2])

    def service(self, expected: Collection[int] | None = None) -> ConfigService:
        """Return the ConfigService for this command. `expected` limits the states in which the key may be changed."""
        return ConfigService(self.origin(), expected=expected)

    def say(self, text: str) -> None:
        """Write a message for a person to standard error, without the color of an error."""
        self.stderr.write(text, style_func=str)

    def confirm(self, options: Mapping[str, Any], consequence: str) -> None:
        """Return if `--yes` was given or the person types the key ID. Raises CommandError otherwise.

        `consequence` is a sentence that says what will be permanent.
        """
        if options["yes"]:
            return
        if not (sys.stdin.isatty() and self.stderr.isatty()):
            nothing_done = "This cannot be undone, and without a terminal it can't be confirmed. Nothing was changed."
            raise CommandError(f"{consequence} {nothing_done} To do it anyway, add --yes.", returncode=REFUSED)
        question = f"{consequence} This cannot be undone. Type {options['key_id']} to continue: "
        self.stderr.write(question, style_func=str, ending="")
        # The question has no line end, so it would stay in the buffer.
        self.stderr.flush()
        if sys.stdin.readline().strip() != options["key_id"]:
            raise CommandError("That is not the key ID. Nothing was changed.", returncode=REFUSED)

    @contextmanager
    def showing_secret(self, key_id: str) -> Iterator[None]:
        """Raise CommandError if the block cannot write the new secret of `key_id`, which is shown nowhere else."""
        try:
            yield
            # Python buffers the output, so a closed pipe or a full disk fails only here.
            self.stdout.flush()
        except OSError:
            raise CommandError(
                f"The new secret of {key_id} could not be written, and is lost. "
                f"Make another: manage.py rotate_key {key_id} --at-once",
                returncode=COULD_NOT,
            ) from None

    def show(self, result: object, options: Mapping[str, Any], rows: Sequence[Mapping[str, object]]) -> None:
        """Write `result` as JSON, or `rows` as a table."""
        if options["format"] == "json":
            self.stdout.write(json.dumps(result, indent=2, ensure_ascii=False))
        else:
            self.stdout.write(table(rows))


def explain(error: ProblemError) -> str:
    """Return the message about an error for a person: what happened, where, and what to do."""
    problem = CATALOGUE[error.slug]
    if error.errors:
        lines = [f"{problem.title}:"] + [f"  {fault.pointer or '/'}: {fault.detail}" for fault in error.errors]
        return "\n".join(lines)
    return f"{problem.title}: {error.detail} {problem.remedy}"


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows with the same fields as aligned columns under their names."""
    if not rows:
        return "(none)"
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    lines = [[name.upper() for name in names], *cells]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def fields(value: Mapping[str, object]) -> str:
    """Return one object as lines of names and values."""
    width = max(len(name) for name in value)
    return "\n".join(f"{name.ljust(width)}  {_cell(member)}".rstrip() for name, member in value.items())


def key_row(key: Mapping[str, object]) -> dict[str, object]:
    """Return a key's JSON as a row of a table."""
    row = {name: key[name] for name in ("key_id", "label", "owner", "state")}
    return {**row, "limit": limit_text(key["rate_limit"]), "last used": key["last_used_at"] or "never"}


def limit_text(rate_limit: object) -> str:
    """Return a rate limit in words."""
    if not isinstance(rate_limit, Mapping):
        return "none"
    return f"{rate_limit['burst']} per {rate_limit['per_seconds']} s"


def add_limit_arguments(parser: CommandParser) -> None:
    """Add the arguments for a rate limit to the parser."""
    parser.add_argument("--rate", metavar="RATE", help="60/min, 10/s, 1000/5m: the two options below")
    parser.add_argument("--burst", metavar="B", help="tokens in a full bucket, 1 to 1000000")
    parser.add_argument("--per-seconds", metavar="S", help="refill period in seconds, 1 to 2678400")
    parser.add_argument("--unlimited", action="store_true", help="no rate limit; without a plan, opens an incident")
    parser.add_argument("--rate-limit", metavar="JSON", help='the same as JSON: \'{"burst": 60, "per_seconds": 60}\'')


def limit_value(options: Mapping[str, Any]) -> Mapping[str, object]:
    """Return the `rate_limit` field from the arguments; an empty mapping if none was given. Raises CommandError."""
    parts = {name: options[name] for name in ("burst", "per_seconds") if options[name] is not None}
    given = [name for name in ("rate", "rate_limit") if options[name] is not None]
    if bool(parts) + bool(options["unlimited"]) + len(given) > 1:
        ways = "--rate, --burst and --per-seconds, --unlimited, or --rate-limit"
        raise CommandError(f"Set the limit in one way: {ways}.", returncode=REFUSED)
    if options["unlimited"]:
        return {"rate_limit": None}
    if parts:
        return {"rate_limit": {name: typed_number(text) for name, text in parts.items()}}
    if options["rate"] is not None:
        return {"rate_limit": _typed_rate(options["rate"])}
    if options["rate_limit"] is None:
        return {}
    try:
        return {"rate_limit": loads(options["rate_limit"])}
    except MalformedJSON as error:
        raise CommandError(f"--rate-limit: {error}", returncode=REFUSED) from None


def _typed_rate(text: str) -> Mapping[str, int]:
    """Return the rate limit that a rate represents. Raises CommandError."""
    try:
        burst, per_seconds = parse_rate(text)
    except ValueError as error:
        raise CommandError(f"--rate {error}.", returncode=REFUSED) from None
    return {"burst": burst, "per_seconds": per_seconds}


def add_yes_argument(parser: CommandParser) -> None:
    """Add the `--yes` argument, which skips the confirmation."""
    parser.add_argument("--yes", action="store_true", help="skip the confirmation; required without a terminal")


def time_ahead(text: str) -> datetime:
    """Return the time that an argument represents: RFC 3339, or a duration from now. Raises ArgumentTypeError."""
    try:
        return time_or_span_ahead(text, timezone.now())
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def typed_number(text: str) -> object:
    """Return the number that `text` represents, or `text` itself: validation then says what is wrong with it."""
    try:
        return loads(text)
    except MalformedJSON:
        return text


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False) if value else "-"
    return str(value)
