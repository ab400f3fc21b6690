"""The manifest of a backup: what it holds, of when, and what a restore has to find."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from controlplane.backup.errors import BackupRefused
from controlplane.backup.files import Sum, sum_of

MANIFEST: Final = "manifest.json"
FORMAT: Final = 2
_FIRST: Final = 1
DATABASE_FILES: Final = {"sqlite": "database.sqlite3", "postgresql": "database.zip"}
BUCKETS_FILE: Final = "buckets.mdb"
_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """`version` is that of the Latchkey which made the backup; `migrations`, `schema`, `keys` and the event log's head
    are those of the copy itself. `migrations` has the digest of each file, empty for those of other packages, and
    `schema` the digest of the tables; the first format knew neither. `peppers` are fingerprints by id. `generation`
    names the contents of the bucket store; it is None if there is no copy of it.
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
    files: Mapping[str, Sum]
    format: int = FORMAT

    def write(self, directory: Path) -> None:
        """Write it into `directory`, which has none yet."""
        with (directory / MANIFEST).open("x", encoding="utf-8") as file:
            file.write(sealed(self.as_json()))

    def as_json(self) -> dict[str, Any]:
        """All members, as JSON has them."""
        return asdict(self)


def sealed(members: Mapping[str, Any]) -> str:
    """Return the text of a manifest, with a digest of all its members as one more."""
    return json.dumps({**members, "sha256": _digest(members)}, indent=2) + "\n"


def read_manifest(directory: Path) -> Manifest:
    """The manifest of the backup in `directory`, whose files are what it says. Raises BackupRefused."""
    path = directory / MANIFEST
    if not path.is_file():
        raise BackupRefused(f"{directory} is no backup: it has no {MANIFEST}.")
    if sum_of(path).size > _MAX_BYTES:
        raise BackupRefused(f"{path} is too large for a manifest.")
    manifest = parse(path.read_bytes(), path)
    for name, expected in manifest.files.items():
        if sum_of(directory / name) != expected:
            raise BackupRefused(f"{directory / name} is damaged: it is not what {MANIFEST} says. Take another backup.")
    return manifest


def parse(content: bytes, path: Path) -> Manifest:
    """Return the manifest that was read from `path`. Raise BackupRefused if it is damaged, or of a newer format.

    Every format from the second on has the digest, so damage is never mistaken for another format.
    """
    try:
        values = json.loads(content)
        made_with, written_as = str(values["version"]), values["format"]
        digest = values.pop("sha256", None)
    except (AttributeError, ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(path) from None
    if digest is None and written_as == _FIRST:
        values = _of_first_format(values)
    elif digest != _digest(values):
        raise _damaged(path)
    if not isinstance(written_as, int) or written_as > FORMAT:
        raise BackupRefused(f"{path} was written by a newer Latchkey ({made_with}). Restore with that version.")
    return _manifest(path, values)


def _digest(members: Mapping[str, Any]) -> str:
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _of_first_format(values: dict[str, Any]) -> dict[str, Any]:
    names = values.get("migrations")
    return {"schema": "", **values, "migrations": dict.fromkeys(names, "") if isinstance(names, list) else names}


def _manifest(path: Path, values: dict[str, Any]) -> Manifest:
    try:
        files = {name: Sum(**entry) for name, entry in values["files"].items()}
        manifest = Manifest(**{**values, "files": files, "migrations": dict(values["migrations"])})
        wanted = {DATABASE_FILES[manifest.database]} | ({BUCKETS_FILE} if manifest.generation is not None else set())
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _damaged(path) from None
    # Nothing but the two names: a manifest is not to lead out of its directory.
    if set(files) != wanted:
        raise _damaged(path)
    return manifest


def _damaged(path: Path) -> BackupRefused:
    return BackupRefused(f"{path} is damaged. Take another backup.")
