"""The files of Latchkey's own migrations, each with its digest: one that has landed is never edited."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings


@cache
def own_migrations() -> dict[str, str]:
    """Return the SHA-256, in hexadecimal, of each of this version's own migrations, by `app.name`."""
    files = sorted(Path(settings.BASE_DIR).glob("*/migrations/[0-9]*.py"))
    return {f"{file.parent.parent.name}.{file.stem}": sha256(file.read_bytes()).hexdigest() for file in files}
