"""The gate that no migration was edited after it had landed: databases that have it would never get the edit."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Final

from gates.tree import ROOT
from gates.verdict import Gate, Verdict, judged

LANDED: Final = "gates/landed_migrations.json"
_FILES: Final = "*/migrations/[0-9]*.py"


def digests(root: Path) -> dict[str, str]:
    """Return the SHA-256 of each migration of ours, as `sha256:HEX`, by its path below `root`."""
    files = sorted(root.glob(_FILES))
    return {str(file.relative_to(root)): f"sha256:{sha256(file.read_bytes()).hexdigest()}" for file in files}


def landed(root: Path) -> dict[str, str]:
    """Return the digests that were written down when the migrations were added, by their paths."""
    found: dict[str, str] = json.loads((root / LANDED).read_text(encoding="utf-8"))
    return found


def findings(root: Path) -> list[str]:
    """Return the migrations that were edited or removed after they were written down, and those that were not."""
    now, then = digests(root), landed(root)
    return [
        *(f"{path}: was edited after it landed. Undo that, and put the change into a new migration"
          for path, digest in then.items() if now.get(path, digest) != digest),
        *(f"{path}: has landed, and is gone" for path in then if path not in now),
        *(f"{path}: is not in {LANDED}. Run: make schema" for path in now if path not in then),
    ]  # fmt: skip


def write_new(root: Path) -> None:
    """Write down the migrations that are not yet in the list. What is in it is left as it is."""
    text = json.dumps(digests(root) | landed(root), indent=2, sort_keys=True) + "\n"
    (root / LANDED).write_text(text, encoding="utf-8")


def judge() -> Verdict:
    """Judge this tree."""
    return judged(findings(ROOT), f"{len(landed(ROOT))} migrations are as they landed")


GATE: Final = Gate("migrations", "no migration was edited after it landed", judge)
