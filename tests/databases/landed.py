"""A database as an earlier version left it, kept as SQL in `landed/`, with the secrets that belong to it.

No secret is written down: each is derived from its name when it is needed.
"""

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from latchkey.credentials import ALPHABET, CHECKSUM_LENGTH, RANDOM_LENGTH, SECRET_PREFIX, checksum

DUMPS: Final = Path(__file__).with_name("landed")
SECRET_KEY: Final = "a-key-of-a-dump-" + "0123456789abcdefghij" * 2
PEPPERS: Final = f"p2:{'cd' * 32},p1:{'ab' * 32}"
PASSWORD: Final = hashlib.sha256(b"password of ada").hexdigest()
TOTP_KEY: Final = hashlib.sha256(b"authenticator of ada").hexdigest()[:40]
RECOVERY_CODE: Final = "abcdabcdabcd"
_COPY: Final = re.compile(r"COPY (?:public\.)?(\w+) \((.*)\) FROM stdin;")
_ESCAPES: Final = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}


def credential(key_id: str, name: str) -> str:
    """Return the credential of a key in the dump, whose secret has a name there."""
    assert CHECKSUM_LENGTH == 6
    return f"{key_id}:{secret(name)}"


def secret(name: str) -> str:
    """Return the secret with a name."""
    number = int.from_bytes(hashlib.sha512(name.encode()).digest())
    random_part = "".join(ALPHABET[number // 62**place % 62] for place in range(RANDOM_LENGTH))
    return SECRET_PREFIX + random_part + checksum(random_part)


@dataclass(frozen=True)
class Rows:
    """The rows of one table, each as a line of COPY's text format."""

    table: str
    columns: list[str]
    lines: list[str]


def parts(dump: Path) -> Iterator[str | Rows]:
    """Split a dump into SQL and the rows of tables, in their order."""
    sql: list[str] = []
    lines = iter(dump.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if found := _COPY.fullmatch(line):
            yield "\n".join(sql)
            sql.clear()
            columns = [column.strip().strip('"') for column in found[2].split(",")]
            yield Rows(found[1], columns, list(iter(lines.__next__, "\\.")))
        else:
            sql.append(line)
    yield "\n".join(sql)


def load_sqlite(dump: Path, file: Path) -> None:
    """Make a SQLite file of a dump."""
    with closing(sqlite3.connect(file)) as connection:
        # Django brings it, for the checks of the tables.
        connection.create_function("REGEXP", 2, lambda pattern, text: re.search(pattern, text) is not None)
        for part in parts(dump):
            if isinstance(part, str):
                connection.executescript(part)
            else:
                places = ", ".join("?" * len(part.columns))
                names = ", ".join(f'"{column}"' for column in part.columns)
                rows = [[_value(field) for field in line.split("\t")] for line in part.lines]
                connection.executemany(f'INSERT INTO "{part.table}" ({names}) VALUES ({places})', rows)
        connection.commit()


def load_postgresql(dump: Path, url: str) -> None:
    """Fill an empty PostgreSQL database with a dump."""
    with psycopg.connect(url) as connection:
        for part in parts(dump):
            if isinstance(part, str):
                connection.execute(part.encode())
            else:
                names = ", ".join(f'"{column}"' for column in part.columns)
                with connection.cursor().copy(f'COPY "{part.table}" ({names}) FROM STDIN'.encode()) as copy:
                    copy.write("".join(f"{line}\n" for line in part.lines))


def _value(field: str) -> str | bytes | None:
    if field == "\\N":
        return None
    text = re.sub(r"\\[tnr\\]", lambda found: _ESCAPES[found[0]], field)
    return bytes.fromhex(text[2:]) if text.startswith("\\x") else text
