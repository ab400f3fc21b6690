"""Migration files of Latchkey's own apps, with their digests. A released migration is never edited."""

from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.db.migrations.loader import MigrationLoader


@cache
def own_migrations() -> dict[str, str]:
    """Return the SHA-256 digest, in hexadecimal, of every migration of this version, by `app.name`."""
    files = sorted(Path(settings.BASE_DIR).glob("*/migrations/[0-9]*.py"))
    return {f"{file.parent.parent.name}.{file.stem}": sha256(file.read_bytes()).hexdigest() for file in files}


def unknown(migrations: Iterable[str]) -> list[str]:
    """Return the migrations (`app.name`) that neither this version nor its packages contain."""
    known = {".".join(name) for name in MigrationLoader(None).disk_migrations}
    return [name for name in migrations if name not in known]
