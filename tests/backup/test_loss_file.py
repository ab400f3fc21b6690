"""Paths for what a restore replaces."""

from pathlib import Path

import pytest

from backup.loss_file import new_set_aside_path


@pytest.mark.parametrize("taken", ["db.replaced-T", "db.replaced-T.losses.json"])
def test_restores_in_one_second_get_own_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str) -> None:
    monkeypatch.setattr("backup.loss_file.set_aside_path", lambda stamp: tmp_path / f"db.replaced-{stamp}")
    assert new_set_aside_path("T").name == "db.replaced-T"
    (tmp_path / taken).touch()
    assert new_set_aside_path("T").name == "db.replaced-T-2"
    (tmp_path / "db.replaced-T-2").touch()
    assert new_set_aside_path("T").name == "db.replaced-T-3"
