"""The manifest of a backup: what it holds, of when, and what a restore has to find."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from controlplane.backup.errors import BackupRefused
from controlplane.backup.files import Sum, sum_of

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
DATABASE_FILES: Final = {"sqlite": "database.sqlite3", "postgresql": "database.zip"}
BUCKETS_FILE: Final = "buckets.mdb"
_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """`version` is that of the Latchkey which made the backup; `migrations`, `keys` and the event log's head are those
    of the copy itself. `peppers` are fingerprints by id. `generation` names the contents of the bucket store; it is
    None where there is no copy of it.
    """

    version: str
    made_at: str
    database: str
    migrations: tuple[str, ...]
    keys: int
    last_event: int
    digest: str
    peppers: Mapping[str, str]
    generation: str | None
    files: Mapping[str, Sum]
    format: int = FORMAT

    def write(self, directory: Path) -> None:
        """Writes it into `directory`, which has none yet."""
        with (directory / MANIFEST).open("x", encoding="utf-8") as file:
            file.write(json.dumps(self.as_json(), indent=2) + "\n")

    def as_json(self) -> dict[str, Any]:
        """All members, as JSON has them."""
        return asdict(self)


def read_manifest(directory: Path) -> Manifest:
    """The manifest of the backup in `directory`, whose files are what it says. Raises BackupRefused."""
    path = directory / MANIFEST
    if not path.is_file():
        raise BackupRefused(f"{directory} is no backup: it has no {MANIFEST}.")
    if sum_of(path).size > _MAX_BYTES:
        raise BackupRefused(f"{path} is too large for a manifest.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        made_with, written_as = str(values["version"]), values["format"]
    except (ValueError, KeyError, TypeError):
        raise _damaged(path) from None
    if not isinstance(written_as, int) or written_as > FORMAT:
        raise BackupRefused(f"{path} was written by a newer Latchkey ({made_with}). Restore with that version.")
    manifest = _manifest(path, values)
    for name, expected in manifest.files.items():
        if sum_of(directory / name) != expected:
            raise BackupRefused(f"{directory / name} is damaged: it is not what {MANIFEST} says. Take another backup.")
    return manifest


def _manifest(path: Path, values: dict[str, Any]) -> Manifest:
    try:
        files = {name: Sum(**entry) for name, entry in values["files"].items()}
        members = {**values, "files": files, "migrations": tuple(values["migrations"])}
        manifest = Manifest(**members)
        wanted = {DATABASE_FILES[manifest.database]} | ({BUCKETS_FILE} if manifest.generation is not None else set())
    except (AttributeError, KeyError, TypeError):
        raise _damaged(path) from None
    # Nothing but the two names: a manifest is not to lead out of its directory.
    if set(files) != wanted:
        raise _damaged(path)
    return manifest


def _damaged(path: Path) -> BackupRefused:
    return BackupRefused(f"{path} cannot be read as a manifest. Take another backup.")
