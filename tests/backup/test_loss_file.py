"""Where a restore keeps what it replaces."""

from pathlib import Path

import pytest

from backup.loss_file import new_set_aside_path


@pytest.mark.parametrize("taken", ["db.replaced-T", "db.replaced-T.losses.json"])
def test_two_restores_within_one_second_have_a_path_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    monkeypatch.setattr("backup.loss_file.set_aside_path", lambda stamp: tmp_path / f"db.replaced-{stamp}")
    assert new_set_aside_path("T").name == "db.replaced-T"
    (tmp_path / taken).touch()
    assert new_set_aside_path("T").name == "db.replaced-T-2"
    (tmp_path / "db.replaced-T-2").touch()
    assert new_set_aside_path("T").name == "db.replaced-T-3"
