"""`python -m deploy.release check|notes|tag VERSION`: whether tree and tag are ready, and the notes of a release."""

import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from latchkey import __version__

ROOT: Final = Path(__file__).resolve().parent.parent
MAIN: Final = "refs/remotes/origin/main"
_SECTION: Final = re.compile(r"^## \[(?P<version>[^\]]+)\] - (?P<when>.+)\n(?P<body>(?:(?!^## ).*\n?)*)", re.MULTILINE)


def notes(changelog: str, version: str) -> str | None:
    """Return the changelog's section of a version without its heading, or None if there is none."""
    section = _section(changelog, version)
    return section["body"].strip() if section else None


def problems_of_tree(changelog: str, version: str, declared: str = __version__) -> list[str]:
    """Return why a tree with this changelog and this declared version can't be released as `version`."""
    found = [] if declared == version else [f"the version of the tree is {declared}, not {version}"]
    section = _section(changelog, version)
    if section is None:
        return [*found, f"CHANGELOG.md: has no section ## [{version}] - YYYY-MM-DD"]
    if not _is_date(section["when"]):
        found.append(f"CHANGELOG.md: {version} has no date, but: {section['when']}")
    if not section["body"].strip():
        found.append(f"CHANGELOG.md: the section of {version} is empty")
    return found


def problems_of_tag(root: Path, version: str, main: str = MAIN) -> list[str]:
    """Return why the checkout isn't the tag of `version`, or not a commit of `main`, where changes are reviewed."""
    try:
        tagged = _git(root, "rev-parse", "--verify", f"refs/tags/v{version}^{{commit}}").strip()
        head = _git(root, "rev-parse", "--verify", "HEAD^{commit}").strip()
        reviewed = _git(root, "rev-list", main).split()
    except subprocess.CalledProcessError as error:
        return [f"git {error.cmd[3]}: {error.stderr.strip()}"]
    found = [] if head == tagged else [f"v{version} is not checked out"]
    return found if tagged in reviewed else [*found, f"v{version} is not a commit of {main}"]


def main(arguments: Sequence[str]) -> int:
    """Return 0, or 1 after printing the problems, or 2 if the arguments are wrong."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    match arguments:
        case ["check", version] if version:
            found = problems_of_tree(changelog, version)
        case ["notes", version] if version:
            text = notes(changelog, version)
            found = [] if text else [f"CHANGELOG.md: has no notes for {version}"]
            print(text or "", end="\n" if text else "")
        case ["tag", version] if version:
            found = problems_of_tag(ROOT, version)
        case _:
            print("Name the version: VERSION=X.Y.Z", file=sys.stderr)
            return 2
    for problem in found:
        print(f"release: {problem}", file=sys.stderr)
    return int(bool(found))


def _section(changelog: str, version: str) -> re.Match[str] | None:
    return next((one for one in _SECTION.finditer(changelog) if one["version"] == version), None)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
