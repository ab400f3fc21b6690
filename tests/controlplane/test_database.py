"""DATABASE_URL as Django settings."""

from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from controlplane.database import database_config
from controlplane.environment import Environment

URL = "postgres://latchkey:secret@db.example/latchkey"


def options(monkeypatch: pytest.MonkeyPatch, base: Path, url: str) -> dict[str, Any]:
    monkeypatch.setenv("DATABASE_URL", url)
    found: dict[str, Any] = database_config(Environment(base))["OPTIONS"]
    return found


def test_silent_postgresql_times_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = options(monkeypatch, tmp_path, URL)
    idle = found["keepalives_idle"] + found["keepalives_interval"] * found["keepalives_count"]
    assert (found["keepalives"], idle <= 30) == (1, True)
    assert found["tcp_user_timeout"] <= 30_000
    assert found["connect_timeout"] <= 10
    assert found.pop("pool")
    assert make_conninfo("", **found), "libpq knows each of them"


def test_url_options_override_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = options(monkeypatch, tmp_path, URL + "?connect_timeout=3&sslmode=require")
    assert (str(found["connect_timeout"]), found["sslmode"], found["keepalives"]) == ("3", "require", 1)
