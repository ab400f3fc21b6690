"""Faults are planted in a copy of what a gate reads."""

import shutil
from pathlib import Path

from gates.tree import ROOT


def copied(target: Path, *names: str) -> Path:
    """Copies files and directories of the tree, under their names."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target / name)
    return target


def plant(path: Path, old: str, new: str) -> None:
    """Writes `new` where `old` stands first; fails where it does not stand at all."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has no {old}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
