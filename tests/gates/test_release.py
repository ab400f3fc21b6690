"""What a release says is the changelog's section, and a tree that is not ready is told so."""

import subprocess
from pathlib import Path

import pytest

from gates import release

CHANGELOG = """\
# Changelog

## [0.2.0] - 2027-01-31

### Added

- One thing.

## [0.1.0] - unreleased

- Another.
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "latchkey").mkdir()
    (tmp_path / "latchkey" / "__init__.py").write_text('__version__ = "0.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_notes() -> None:
    assert release.notes(CHANGELOG, "0.2.0") == "### Added\n\n- One thing."
    assert release.notes(CHANGELOG, "0.1.0") == "- Another."
    assert release.notes(CHANGELOG, "0.2") is None


def test_ready(tree: Path) -> None:
    assert release.faults(tree, "0.2.0") == []


def test_not_ready(tree: Path) -> None:
    assert release.faults(tree, "0.1.0") == [
        "the version of the tree is 0.2.0, and not 0.1.0",
        "CHANGELOG.md: 0.1.0 has no date, but: unreleased",
    ]
    assert release.faults(tree, "0.3.0")[1:] == ["CHANGELOG.md: has no section ## [0.3.0] - YYYY-MM-DD"]


@pytest.mark.parametrize("when", ["2027-1-31", "2027-02-30", "20270131", "2027-01-31 or later"])
def test_no_date(tree: Path, when: str) -> None:
    (tree / "CHANGELOG.md").write_text(CHANGELOG.replace("2027-01-31", when))
    assert release.faults(tree, "0.2.0") == [f"CHANGELOG.md: 0.2.0 has no date, but: {when}"]


def test_empty_section(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text("## [0.2.0] - 2027-01-31\n\n## [0.1.0] - 2026-01-31\n\n- One thing.\n")
    assert release.faults(tree, "0.2.0") == ["CHANGELOG.md: the section of 0.2.0 is empty"]


def test_command(monkeypatch: pytest.MonkeyPatch, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(release, "ROOT", tree)
    assert release.main(["check", "0.2.0"]) == 0
    assert release.main(["notes", "0.2.0"]) == 0
    assert capsys.readouterr() == ("### Added\n\n- One thing.\n", "")
    assert release.main(["check", "0.1.0"]) == 1
    assert release.main(["notes", "0.9.0"]) == 1
    assert "release: CHANGELOG.md: says nothing of 0.9.0" in capsys.readouterr().err


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def tagged(tree: Path) -> Path:
    """A clone in which v0.2.0 is checked out, and main has gone on since."""
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "one")
    git(tree, "tag", "v0.2.0")
    git(tree, "commit", "--quiet", "--allow-empty", "--message", "two")
    git(tree, "update-ref", release.MAIN, "HEAD")
    git(tree, "checkout", "--quiet", "v0.2.0")
    return tree


def test_tag_of_a_commit_on_main(tagged: Path) -> None:
    assert release.faults_of_tag(tagged, "0.2.0") == []


def test_tag_of_a_commit_that_main_does_not_have(tagged: Path) -> None:
    git(tagged, "commit", "--quiet", "--allow-empty", "--message", "three")
    assert release.faults_of_tag(tagged, "0.2.0") == ["v0.2.0 is not what is checked out"]
    git(tagged, "tag", "--force", "v0.2.0")
    assert release.faults_of_tag(tagged, "0.2.0") == [f"v0.2.0 is no commit of {release.MAIN}"]


def test_tag_or_main_that_is_not_there(tagged: Path) -> None:
    assert release.faults_of_tag(tagged, "0.3.0")[0].startswith("git rev-parse")
    git(tagged, "update-ref", "-d", release.MAIN)
    assert release.faults_of_tag(tagged, "0.2.0")[0].startswith("git rev-list")


@pytest.mark.parametrize("arguments", [[], ["check"], ["check", ""], ["tag", ""], ["publish", "0.2.0"]])
def test_no_question(arguments: list[str]) -> None:
    assert release.main(arguments) == 2
