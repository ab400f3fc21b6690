"""What `make release-check`, `release-tag` and `release-notes` report."""

import subprocess
from pathlib import Path

import pytest

from deploy.release import MAIN, main, notes, problems_of_tag, problems_of_tree

CHANGELOG = (
    "# Changelog\n\n## [0.2.0] - 2027-01-31\n\n### Added\n\n- One thing.\n\n## [0.1.0] - unreleased\n\n- Another.\n"
)


def test_notes() -> None:
    assert notes(CHANGELOG, "0.2.0") == "### Added\n\n- One thing."
    assert notes(CHANGELOG, "0.2") is None


def test_tree() -> None:
    assert problems_of_tree(CHANGELOG, "0.2.0", "0.2.0") == []
    assert problems_of_tree(CHANGELOG, "0.1.0", "0.2.0") == [
        "the version of the tree is 0.2.0, not 0.1.0",
        "CHANGELOG.md: 0.1.0 has no date, but: unreleased",
    ]
    assert problems_of_tree(CHANGELOG, "0.3.0", "0.3.0") == ["CHANGELOG.md: has no section ## [0.3.0] - YYYY-MM-DD"]
    empty = "## [0.2.0] - 2027-02-30\n\n## [0.1.0] - 2026-01-31\n"
    assert problems_of_tree(empty, "0.2.0", "0.2.0") == [
        "CHANGELOG.md: 0.2.0 has no date, but: 2027-02-30",
        "CHANGELOG.md: the section of 0.2.0 is empty",
    ]


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notes", "9.9.9"]) == 1
    assert capsys.readouterr().err == "release: CHANGELOG.md: has no notes for 9.9.9\n"
    assert main(["check", ""]) == main([]) == 2


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_tag(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "one")
    assert problems_of_tag(tmp_path, "0.2.0")[0].startswith("git rev-parse: ")
    git(tmp_path, "tag", "v0.2.0")
    assert problems_of_tag(tmp_path, "0.2.0")[0].startswith("git rev-list: ")
    git(tmp_path, "update-ref", MAIN, "HEAD")
    assert problems_of_tag(tmp_path, "0.2.0") == []
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "not reviewed")
    assert problems_of_tag(tmp_path, "0.2.0") == ["v0.2.0 is not checked out"]
    git(tmp_path, "tag", "--force", "v0.2.0")
    assert problems_of_tag(tmp_path, "0.2.0") == [f"v0.2.0 is not a commit of {MAIN}"]
