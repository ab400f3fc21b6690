"""`python -m gates.release check|notes|tag VERSION`: whether tree and tag are ready, and what their release says."""

import re
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from gates.history import git
from gates.tree import ROOT, NoAnswer
from gates.version import declared

MAIN: Final = "refs/remotes/origin/main"
_SECTION: Final = re.compile(r"^## \[(?P<version>[^\]]+)\] - (?P<when>.+)\n(?P<body>(?:(?!^## ).*\n?)*)", re.MULTILINE)


def notes(changelog: str, version: str) -> str | None:
    """What the changelog says of a version, without its heading; None where it says nothing."""
    section = _section(changelog, version)
    return section["body"].strip() if section else None


def faults(root: Path, version: str) -> list[str]:
    """Why this tree is not to be released as `version`."""
    found = [] if declared(root) == version else [f"the version of the tree is {declared(root)}, and not {version}"]
    section = _section((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if section is None:
        return [*found, f"CHANGELOG.md: has no section ## [{version}] - YYYY-MM-DD"]
    if not _is_date(section["when"]):
        found.append(f"CHANGELOG.md: {version} has no date, but: {section['when']}")
    if not section["body"].strip():
        found.append(f"CHANGELOG.md: the section of {version} is empty")
    return found


def faults_of_tag(root: Path, version: str, main: str = MAIN) -> list[str]:
    """Why what is checked out is not the tag of a version, or not a commit of `main`: who tags reviews nothing."""
    try:
        tagged = git(root, "rev-parse", "--verify", "--quiet", f"refs/tags/v{version}^{{commit}}").strip()
        head = git(root, "rev-parse", "--verify", "HEAD^{commit}").strip()
        kept = git(root, "rev-list", main).split()
    except NoAnswer as error:
        return [str(error)]
    found = [] if head == tagged else [f"v{version} is not what is checked out"]
    return found if tagged in kept else [*found, f"v{version} is no commit of {main}"]


def main(arguments: Sequence[str]) -> int:
    """0, or 1 with what is wrong on standard error; 2 where the arguments are no question."""
    match arguments:
        case ["check", version] if version:
            found = faults(ROOT, version)
        case ["notes", version] if version:
            text = notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
            found = [] if text else [f"CHANGELOG.md: says nothing of {version}"]
            print(text or "", end="\n" if text else "")
        case ["tag", version] if version:
            found = faults_of_tag(ROOT, version)
        case _:
            print("Name the version: VERSION=X.Y.Z", file=sys.stderr)
            return 2
    for fault in found:
        print(f"release: {fault}", file=sys.stderr)
    return int(bool(found))


def _section(changelog: str, version: str) -> re.Match[str] | None:
    return next((one for one in _SECTION.finditer(changelog) if one["version"] == version), None)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
