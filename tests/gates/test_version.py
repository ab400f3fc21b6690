from pathlib import Path

import pytest

from gates import version
from gates.verdict import Outcome
from tests.gates.planting import copied, plant


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copied(tmp_path, "pyproject.toml", "CHANGELOG.md", version.SOURCE)


def test_this_tree() -> None:
    assert version.judge().outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("pyproject.toml", 'dynamic = ["version"]', 'version = "0.1.0"', "has a version of its own, 0.1.0"),
        ("pyproject.toml", "latchkey.__version__", "latchkey.other", "does not read the version"),
        ("pyproject.toml", 'dynamic = ["version"]', "dynamic = []", "does not read the version"),
        ("CHANGELOG.md", "## [", "## [9.9.9] - 2026-01-01\n\n## [", "its topmost section is about 9.9.9, and not"),
        ("CHANGELOG.md", "## [", "## Unreleased\n\n## [", "its topmost section is about Unreleased"),
        ("CHANGELOG.md", "\n## [", "\n### [", "has no section"),
        (version.SOURCE, '__version__ = "', '__version__ = "v', "is no version of Semantic Versioning"),
        (version.SOURCE, '__version__ = "', '__version__ = "01.', "is no version of Semantic Versioning"),
        (version.SOURCE, '__version__ = "', '__version__ = "" + "', "does not set __version__"),
    ],
)
def test_planted(tree: Path, name: str, old: str, new: str, told: str) -> None:
    assert version.findings(tree) == []
    plant(tree / name, old, new)
    found = version.findings(tree)
    assert found
    assert found[0].startswith(f"{name}: ")
    assert told in found[0]


@pytest.mark.parametrize("text", ["1.0.0", "1.2.3-rc.1", "1.2.3-rc.1+build.5"])
def test_versions_that_are_fine(tree: Path, text: str) -> None:
    (tree / version.SOURCE).write_text(f'__version__ = "{text}"\n')
    (tree / "CHANGELOG.md").write_text(f"# Changelog\n\n## [{text}] - 2026-01-01\n")
    assert version.findings(tree) == []
