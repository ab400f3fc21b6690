from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from controlplane import places


def test_clone_keeps_its_files_in_itself() -> None:
    assert not places.INSTALLED
    assert (places.home_dir() / "manage.py").is_file()


def test_installed_program_uses_xdg_data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "INSTALLED", True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert places.home_dir() == tmp_path / ".local/share/latchkey"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert places.home_dir() == tmp_path / ".local/share/latchkey"
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert places.home_dir() == Path("/srv/data/latchkey")


def test_account_without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(places, "INSTALLED", True)
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    with pytest.raises(ImproperlyConfigured, match="XDG_DATA_HOME"):
        places.home_dir()
