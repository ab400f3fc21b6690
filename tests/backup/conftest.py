"""Installations that end with the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backup.installation import Installation
from tests.support.migrated import migrated_database
from tests.support.postgresql import drop_database, new_database

Install = Callable[..., Installation]


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Makes directories of installations, empty or migrated."""
    made: list[Installation] = []
    databases: list[str] = []

    def make(name: str, database: str = "sqlite", *, migrated: bool = True, **settings: str) -> Installation:
        if database == "postgresql":
            databases.append(new_database(migrated_database() if migrated else None))
            settings = {"DATABASE_URL": databases[-1], **settings}
        (tmp_path / name).mkdir()
        installation = Installation(tmp_path / name, settings=settings)
        if migrated:
            installation.migrate()
        made.append(installation)
        return installation

    yield make
    for installation in made:
        if installation.process is not None:
            installation.stop()
    for url in databases:
        drop_database(url)


@pytest.fixture
def installed(install: Install) -> Installation:
    """A migrated installation on SQLite."""
    return install("installed")
