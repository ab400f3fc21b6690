"""Backup manifest: what a backup contains, when it was made, and what a restore must find."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from backup.errors import BackupRefused
from backup.files import Checksum, file_checksum

MANIFEST: Final = "manifest.json"
FORMAT: Final = 2
_FORMAT_1: Final = 1
DATABASE_FILES: Final = {"sqlite": "database.sqlite3", "postgresql": "database.zip"}
BUCKETS_FILE: Final = "buckets.mdb"
_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """Manifest of a backup.

    `version` is the Latchkey version that made it. `migrations`, `schema`, `keys` and the head of the event log
    (`last_event`, `digest`) describe the copy itself. `migrations` maps names to the digest of each file, which is
    empty for other packages' migrations. `schema` is the digest of the tables; format 1 had neither digest.
    `peppers` are fingerprints by pepper ID. `generation` identifies the contents of the bucket store, or is None
    without a copy of it.
    """

    version: str
    made_at: str
    database: str
    migrations: Mapping[str, str]
    schema: str
    keys: int
    last_event: int
    digest: str
    peppers: Mapping[str, str]
    generation: str | None
    files: Mapping[str, Checksum]
    format: int = FORMAT

    def write(self, directory: Path) -> None:
        """Write the manifest into `directory`. Raise FileExistsError if one exists."""
        with (directory / MANIFEST).open("x", encoding="utf-8") as file:
            file.write(with_digest(self.as_json()))

    def as_json(self) -> dict[str, Any]:
        """Return all fields as a JSON object."""
        return asdict(self)


def with_digest(members: Mapping[str, Any]) -> str:
    """Return the text of a manifest, with a digest of all its fields added."""
    return json.dumps({**members, "sha256": _digest(members)}, indent=2) + "\n"


def read_manifest(directory: Path) -> Manifest:
    """Return the manifest of the backup in `directory`, after comparing every file with it. Raise BackupRefused."""
    path = directory / MANIFEST
    if not path.is_file():
        raise BackupRefused(f"{directory} is not a backup: it has no {MANIFEST}.")
    if file_checksum(path).size > _MAX_BYTES:
        raise BackupRefused(f"{path} is too large for a manifest.")
    manifest = parse_manifest(path.read_bytes(), path)
    for name, expected in manifest.files.items():
        if file_checksum(directory / name) != expected:
            raise BackupRefused(f"{directory / name} is damaged: it does not match {MANIFEST}. Take another backup.")
    return manifest


def parse_manifest(content: bytes, path: Path) -> Manifest:
    """Return the manifest in `content`, read from `path`. Raise BackupRefused if it is damaged or of a newer format."""
    try:
        values = json.loads(content)
        made_with, written_as = str(values["version"]), values["format"]
        digest = values.pop("sha256", None)
    except (AttributeError, ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(path) from None
    # Format 1 is the only one without a digest, so damage is never mistaken for another format.
    if digest is None and written_as == _FORMAT_1:
        values = _upgrade_format_1(values)
    elif digest != _digest(values):
        raise _damaged(path)
    if not isinstance(written_as, int) or written_as > FORMAT:
        raise BackupRefused(f"{path} was written by a newer Latchkey ({made_with}). Restore with that version.")
    return _manifest(path, values)


def _digest(members: Mapping[str, Any]) -> str:
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _upgrade_format_1(values: dict[str, Any]) -> dict[str, Any]:
    names = values.get("migrations")
    return {"schema": "", **values, "migrations": dict.fromkeys(names, "") if isinstance(names, list) else names}


def _manifest(path: Path, values: dict[str, Any]) -> Manifest:
    try:
        files = {name: Checksum(**entry) for name, entry in values["files"].items()}
        manifest = Manifest(**{**values, "files": files, "migrations": dict(values["migrations"])})
        expected = {DATABASE_FILES[manifest.database]} | ({BUCKETS_FILE} if manifest.generation is not None else set())
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _damaged(path) from None
    # Accept only the two known names: a manifest must not lead to files outside its directory.
    if set(files) != expected:
        raise _damaged(path)
    return manifest


def _damaged(path: Path) -> BackupRefused:
    return BackupRefused(f"{path} is damaged. Take another backup.")
