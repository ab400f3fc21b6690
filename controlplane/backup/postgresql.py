"""The PostgreSQL database: pg_dump of one snapshot, and pg_restore in one transaction."""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

import psycopg
from django.db import connection, transaction
from psycopg.pq import Conninfo

from controlplane.backup.errors import BackupFailed
from controlplane.backup.facts import Facts, read_facts
from controlplane.backup.query import ask
from latchkey.redaction import redact

_REMEDY: Final = "Install PostgreSQL's client programs, of the server's version or newer, or run this where they are."
_PSQL: Final = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-")
_PARTING_SECONDS: Final = 2.0
_OTHERS: Final = (
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)
# What the schema holds, but for what extensions brought: a table that only a newer Latchkey knows goes too.
_EMPTY: Final = """
DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I.%I CASCADE', current_schema(), found.tablename);
    END LOOP;
    FOR found IN SELECT oid::regprocedure AS name FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e') LOOP
        EXECUTE format('DROP ROUTINE %s CASCADE', found.name);
    END LOOP;
END $$"""


def copy_database(target: Path) -> Facts:
    """Dumps the schema of the settings' database to the new file `target`; tells what stands in that very snapshot."""
    _find("pg_dump")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        ((snapshot, schema),) = ask("SELECT pg_export_snapshot(), current_schema()")
        facts = read_facts(ask)
        _run(
            "pg_dump", "--format=custom", f"--snapshot={snapshot}", f'--schema="{schema}"', "--no-owner",
            "--no-privileges", f"--file={target}",
        )  # fmt: skip
    return facts


def put_database(dump: Path) -> None:
    """Puts the dump in place of all that the schema holds: in one transaction, so wholly or not at all.

    psql commits when it is told to, and not at the end of its input: whoever dies on the way leaves all as it was.
    """
    ((schema,),) = ask("SELECT current_schema()")
    # The query fails, and so undoes all, where the dump is of another schema.
    last = f'\nSELECT COUNT(*) FROM "{schema}".apikeys_apikey;\nCOMMIT;\n'
    read = ("pg_restore", f"--schema={schema}", "--no-owner", "--no-privileges", "--file=-", str(dump))
    with TemporaryFile() as told, _start(*read, told=told) as reading, _start("psql", *_PSQL, told=told) as putting:
        script, into = reading.stdout, putting.stdin
        if script is None or into is None:  # never: both are pipes
            raise BackupFailed("psql cannot be reached.")
        with suppress(BrokenPipeError), into:  # psql that has given up says why
            into.write(f"BEGIN;\n{_EMPTY};\n".encode())
            shutil.copyfileobj(script, into)
            if reading.wait() == 0:
                into.write(last.encode())
        script.close()
        if reading.wait() or putting.wait():
            told.seek(0)
            raise _failed("pg_restore", told.read())


def other_connections() -> int:
    """How many others are connected to the database, once those had time to leave that just ended."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # its connections would count
    deadline = time.monotonic() + _PARTING_SECONDS
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as lone:
        while count := lone.execute(_OTHERS).fetchall()[0][0]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
    return int(count)


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([_find(program), *arguments], env=_environment(), capture_output=True, check=False)  # noqa: S603 - PostgreSQL's own programs
    if done.returncode:
        raise _failed(program, done.stderr)


def _start(program: str, *arguments: str, told: IO[bytes]) -> "subprocess.Popen[bytes]":
    pipe = subprocess.PIPE
    command = [_find(program), *arguments]
    return subprocess.Popen(command, env=_environment(), stdin=pipe, stdout=pipe, stderr=told)  # noqa: S603 - PostgreSQL's own programs


def _environment() -> dict[str, str]:
    """Where the database is and who asks, password included, as libpq reads it: no command line shows it."""
    given = connection.get_connection_params()
    known = {option.keyword.decode(): option.envvar for option in Conninfo.get_defaults()}
    own = {envvar.decode(): str(given[name]) for name, envvar in known.items() if envvar and name in given}
    return {**os.environ, **own}


def _find(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise BackupFailed(f"{program} is not found. {_REMEDY}")
    return found


def _failed(program: str, told: bytes) -> BackupFailed:
    lines = [line for line in redact(told.decode(errors="replace")).splitlines() if line.strip()]
    remedy = f" {_REMEDY}" if any("version mismatch" in line for line in lines) else ""
    return BackupFailed(f"{' '.join(lines[:2]) or f'{program} was ended'}.{remedy}")
