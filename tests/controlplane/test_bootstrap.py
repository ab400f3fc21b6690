import os
from pathlib import Path

import pytest

from controlplane import bootstrap


def test_secrets_are_created_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "new"))
    assert bootstrap.main([]) == 0
    path = tmp_path / "new" / "secrets.env"
    first = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert bootstrap.main([]) == 0
    assert path.read_text() == first
    assert [entry.name for entry in path.parent.iterdir()] == ["secrets.env"]
    printed = capsys.readouterr().out
    for line in first.splitlines():
        assert line.partition("=")[2] not in printed


def test_race_keeps_first_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def link_after_another(source: Path, target: Path) -> None:
        target.write_text("SECRET_KEY=theirs\n")
        real(source, target)

    monkeypatch.setattr(os, "link", link_after_another)
    assert bootstrap.create_secrets(tmp_path) is False
    assert (tmp_path / "secrets.env").read_text() == "SECRET_KEY=theirs\n"
    assert len(list(tmp_path.iterdir())) == 1


def test_data_dir_cannot_be_created(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "file" / "below"))
    assert bootstrap.main([]) == 2
    assert "DATA_DIR" in capsys.readouterr().err


def test_unreadable_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    (tmp_path / "secrets.env").write_text("SECRET_KEY=another's\n")

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("environ.Env.read_env", refuse)
    assert bootstrap.main(["--serve"]) == 2
    assert capsys.readouterr().err == f"latchkey: {tmp_path}/secrets.env: cannot be read: Permission denied.\n"
