"""Import of a file: reads its rows, sends them in batches, and counts what becomes of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from latchkey.imports.hashes import DigestError, parse_digest, split_hash
from latchkey.imports.key_values import KeyReader, RowError, RowSkipped
from latchkey.imports.rows import Row, json_text
from latchkey.imports.seen_digests import SeenDigests

MAX_ERRORS: Final = 100
"""How many errors are kept; the others are counted."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How many keys of a batch were imported, how many existed before, and the error of each other by its index."""

    imported: int
    unchanged: int
    errors: Sequence[tuple[int, str]]


@dataclass(slots=True)
class Summary:
    """What became of the rows so far. `errors` has the first MAX_ERRORS with their lines; `failed` counts all."""

    read: int = 0
    imported: int = 0
    unchanged: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[int, str]] = field(default_factory=list)

    def add_error(self, line: int, message: str) -> None:
        """Count a row that can't be imported."""
        self.failed += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append((line, message))

    def as_json(self) -> dict[str, object]:
        """Return the summary as JSON."""
        return {
            "read": self.read,
            "imported": self.imported,
            "unchanged": self.unchanged,
            "skipped": dict(self.skipped),
            "failed": self.failed,
            "errors": [{"line": line, "detail": message} for line, message in self.errors],
        }

    def sentence(self, *, dry_run: bool) -> str:
        """Return the counts for a person."""
        skipped = ", ".join(f"{count:,} {reason}" for reason, count in sorted(self.skipped.items()))
        imported = "would be imported" if dry_run else "imported"
        return (
            f"{self.read:,} rows: {self.imported:,} {imported}, {self.unchanged:,} imported before, "
            f"{self.skipped.total():,} skipped{f' ({skipped})' if skipped else ''}, {self.failed:,} with errors."
        )


def limit_sentence(limit: Mapping[str, int] | None, *, origin: str = "") -> str:
    """Return which limit the keys get whose row has none. `origin` says where it comes from."""
    words = f"{limit['burst']} per {limit['per_seconds']} s" if limit else "no limit"
    return f"A key without a limit of its own gets {words}{f' ({origin})' if origin else ''}."


class FileImport:
    """One import of a file. `send` imports a batch of keys, up to `max_keys` and about `max_bytes` of JSON.

    `hash` is that of the digests, as `split_hash` reads it. `on_progress` is called after each batch.
    """

    def __init__(
        self,
        reader: KeyReader,
        hash: str,
        send: Callable[[list[dict[str, Any]]], BatchResult],
        *,
        max_keys: int,
        max_bytes: int | None = None,
        on_progress: Callable[[Summary], None] = lambda _summary: None,
    ) -> None:
        self._reader = reader
        self._hash, _ = split_hash(hash)
        self._send = send
        self._max_keys = max_keys
        self._max_bytes = max_bytes
        self._on_progress = on_progress
        self._batch: list[tuple[int, dict[str, Any]]] = []
        self._bytes = 0
        self.summary = Summary()

    def run(self, rows: Iterable[Row]) -> Summary:
        """Import all rows. Memory doesn't grow with their number. What `send` raises ends the import."""
        # A wrong source is rejected before a row is read.
        self._send([])
        with closing(SeenDigests()) as seen:
            now = datetime.now(UTC)
            for row in rows:
                self.summary.read += 1
                self._add(row, seen, now)
            self._flush()
        return self.summary

    def _add(self, row: Row, seen: SeenDigests, now: datetime) -> None:
        try:
            if row.error:
                raise RowError(row.error)
            key = self._reader.key_of(row.columns, now)
            digest = parse_digest(str(key.get("digest", "")), self._hash)
            if (line := seen.add(digest, row.line)) is not None:
                raise RowError(f"digest: line {line} has the same one.")
        except RowSkipped as reason:
            self.summary.skipped[str(reason)] += 1
            return
        except (RowError, DigestError) as error:
            self.summary.add_error(row.line, str(error))
            return
        if self._max_bytes is not None:
            size = len(json_text(key).encode()) + 1
            if self._batch and self._bytes + size > self._max_bytes:
                self._flush()
            self._bytes += size
        self._batch.append((row.line, key))
        if len(self._batch) >= self._max_keys:
            self._flush()

    def _flush(self) -> None:
        batch, self._batch, self._bytes = self._batch, [], 0
        if batch:
            result = self._send([key for _, key in batch])
            self.summary.imported += result.imported
            self.summary.unchanged += result.unchanged
            for index, message in result.errors:
                self.summary.add_error(batch[index][0], message)
        self._on_progress(self.summary)
