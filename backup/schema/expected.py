"""Expected schema of this version, and how a database differs from it.

`sqlite.txt` and `postgresql.txt` in this directory contain it. `make schema` writes them from migrated databases.
"""

from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from backup.schema.description import PLAIN_INDEX, describe
from backup.schema.sql import Query

_NAMED: Final = 3


def expected_file(vendor: str) -> Path:
    """Return the file with the expected schema. `vendor` is `sqlite` or `postgresql`."""
    return Path(__file__).with_name(f"{vendor}.txt")


@cache
def expected_lines(vendor: str) -> frozenset[str]:
    """Return the lines of a fully migrated database."""
    return frozenset(expected_file(vendor).read_text(encoding="utf-8").splitlines())


def digest_of(lines: Iterable[str]) -> str:
    """Return the SHA-256 digest, in hexadecimal, of the lines, except indexes that only speed up queries."""
    text = "\n".join(sorted(line for line in lines if not line.startswith(PLAIN_INDEX)))
    return sha256(text.encode()).hexdigest()


def expected_digest(vendor: str) -> str:
    """Return the digest of a fully migrated database."""
    return digest_of(expected_lines(vendor))


def schema_digest(query: Query, vendor: str) -> str:
    """Return the digest of the database behind `query`. Raise DatabaseError."""
    return digest_of(describe(query, vendor))


def difference(query: Query, vendor: str) -> str:
    """Return how the database differs from the expected schema, as a phrase, or "" if it doesn't. Raise DatabaseError.

    Extra indexes that only speed up queries are no difference.
    """
    lines, expected = describe(query, vendor), expected_lines(vendor)
    if vendor == "postgresql" and not lines:
        ((schema,),) = query("SELECT current_schema()")
        return f"the schema {schema}, the first one in search_path, has none of its tables"
    extra = {line for line in lines - expected if not line.startswith(PLAIN_INDEX)}
    parts = [f"{_named(found)} {word}" for found, word in ((expected - lines, "missing"), (extra, "extra")) if found]
    return "; ".join(parts)


def _named(lines: Iterable[str]) -> str:
    names = sorted(lines)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
