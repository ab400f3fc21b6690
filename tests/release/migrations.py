"""The digests of migrations, written down when they were added: databases that have run one never get an edit."""

import json
from hashlib import sha256
from pathlib import Path

from tests.support.commands import ROOT

LANDED = Path(__file__).with_name("landed_migrations.json")


def digests(root: Path = ROOT) -> dict[str, str]:
    """Return the SHA-256 of each migration, as `sha256:HEX`, by its path below `root`."""
    files = sorted(root.glob("*/migrations/[0-9]*.py"))
    return {str(file.relative_to(root)): f"sha256:{sha256(file.read_bytes()).hexdigest()}" for file in files}


def landed() -> dict[str, str]:
    """Return the digests that were written down."""
    found: dict[str, str] = json.loads(LANDED.read_text(encoding="utf-8"))
    return found


def write_new() -> None:
    """Write down the migrations that are not in the list yet. Its other entries stay as they are."""
    LANDED.write_text(json.dumps(digests() | landed(), indent=2, sort_keys=True) + "\n", encoding="utf-8")
