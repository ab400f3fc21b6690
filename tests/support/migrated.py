"""Migrated databases for servers: `manage.py migrate` runs once in a process, and what it made is copied."""

import os
import tempfile
from functools import cache
from pathlib import Path

from tests.support.commands import manage
from tests.support.postgresql import drop_database, new_database
from tests.support.server_secrets import SERVER_SECRETS


@cache
def migrated_file() -> Path:
    """A SQLite file, to be copied."""
    directory = tempfile.mkdtemp(prefix="migrated-", dir=os.environ["DATA_DIR"])
    _migrate(directory, "")
    return Path(directory) / "latchkey.sqlite3"


@cache
def migrated_database() -> str:
    """The URL of a PostgreSQL database, to be the template of others."""
    url = new_database()
    _migrate(tempfile.mkdtemp(prefix="migrated-", dir=os.environ["DATA_DIR"]), url)
    return url


def drop_migrated() -> None:
    """Drops that database, if it was made."""
    if migrated_database.cache_info().currsize:
        drop_database(migrated_database())
        migrated_database.cache_clear()


def _migrate(data_dir: str, database_url: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": data_dir,
        "DATABASE_URL": database_url,
        **SERVER_SECRETS,
    }
    manage(["migrate", "--verbosity", "0"], environment, check=True)
