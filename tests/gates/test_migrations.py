from pathlib import Path

import pytest

from gates import migrations
from gates.tree import ROOT
from gates.verdict import Outcome
from tests.gates.planting import copied, plant

ONE = "events/migrations/0002_append_only.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copied(tmp_path, migrations.LANDED, *migrations.landed(ROOT))


def test_this_tree() -> None:
    assert migrations.judge().outcome is Outcome.PASSED


def test_planted(tree: Path) -> None:
    assert migrations.findings(tree) == []
    plant(tree / ONE, "append-only", "append only")
    assert migrations.findings(tree) == [
        f"{ONE}: was edited after it landed. Undo that, and put the change into a new migration"
    ]
    migrations.write_new(tree)
    assert len(migrations.findings(tree)) == 1, "an edit is not written down"
    (tree / ONE).unlink()
    assert migrations.findings(tree) == [f"{ONE}: has landed, and is gone"]


def test_new_migration_is_written_down(tree: Path) -> None:
    (tree / "events/migrations/0099_more.py").write_text("")
    assert migrations.findings(tree) == [
        f"events/migrations/0099_more.py: is not in {migrations.LANDED}. Run: make schema"
    ]
    migrations.write_new(tree)
    assert migrations.findings(tree) == []
