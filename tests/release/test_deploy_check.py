"""A production environment passes Django's checks for deployment."""

import re
from pathlib import Path
from secrets import token_hex, token_urlsafe

import pytest

from tests.support import commands


def output(directory: Path, **changes: str) -> str:
    environment = {
        "DATA_DIR": str(directory),
        "DEBUG": "false",
        "PUBLIC_URL": "https://keys.example.com",
        "SECRET_KEY": token_urlsafe(48),
        "SECRET_PEPPERS": f"p1:{token_hex(32)}",
        "DATABASE_URL": f"sqlite:///{directory / 'latchkey.sqlite3'}",
        "BUCKET_STORE_URL": f"lmdb://{directory / 'buckets'}",
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        **changes,
    }
    done = commands.manage(["check", "--deploy", "--fail-level", "WARNING"], environment)
    return done.stdout + done.stderr


def test_production(tmp_path: Path) -> None:
    """No warning; each silenced check would give one, and a comment above it says why it is silenced."""
    settings = (commands.ROOT / "controlplane" / "settings.py").read_text(encoding="utf-8")
    match = re.search(r"^SILENCED_SYSTEM_CHECKS = \[\n(.*?)^\]", settings, re.MULTILINE | re.DOTALL)
    assert match
    silenced = len(re.findall(r'^    "', match[1], re.MULTILINE))
    assert len(re.findall(r'^    # .+\n    "', match[1], re.MULTILINE)) == silenced
    assert f"no issues ({silenced} silenced)" in output(tmp_path)


@pytest.mark.parametrize(
    ("change", "warning"), [({"PUBLIC_URL": "http://keys.example.com"}, "security.W004"), ({"DEBUG": "true"}, "W018")]
)
def test_unsafe_environment(tmp_path: Path, change: dict[str, str], warning: str) -> None:
    assert warning in output(tmp_path, **change)
