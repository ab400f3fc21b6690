"""Restores that fail or are killed: no change before the swap, a full report after it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.backup.conftest import Install
from tests.backup.installation import Installation
from tests.support import commands

pytestmark = pytest.mark.slow("runs many commands of backup and restore")

POSTGRESQL = pytest.mark.needs("postgresql")
BEFORE = [
    ("sqlite", "buckets", "copy_durably", "error"),
    ("sqlite", "sqlite", "copy_durably", "error"),
    ("sqlite", "restore", "_finalize", "error"),
    ("sqlite", "loss_file", "write_durably", "error"),
    ("sqlite", "sqlite", "_set_aside", "error"),
    ("sqlite", "sqlite", "_set_aside", "kill"),
    pytest.param("postgresql", "restore", "take_backup", "error", marks=POSTGRESQL),
    pytest.param("postgresql", "restore", "_finalize", "error", marks=POSTGRESQL),
    pytest.param("postgresql", "restore", "_finalize", "kill", marks=POSTGRESQL),
]
AFTER = [
    ("sqlite", "restore", "sync", "kill"),
    ("sqlite", "buckets", "sync", "error"),
    ("sqlite", "restore", "_first_break", "error"),
    pytest.param("postgresql", "buckets", "sync", "error", marks=POSTGRESQL),
    pytest.param("postgresql", "restore", "MigrationExecutor", "kill", marks=POSTGRESQL),
]
STATE = (
    "from django.contrib.sessions.models import Session as S; from apikeys.models import APIKey as K;"
    "print('revoked' if K.objects.get().revoked_at else 'active', S.objects.count())"
)
BEGIN = (
    "from django.contrib.sessions.models import Session as S; from django.utils import timezone as t;"
    "from apikeys.config_service import ConfigService as C; from events.origin import Origin as O;"
    "from ratelimit.limiter import default_limiter as limiter; limiter().store.generation();"
    "S.objects.create(session_key='s', session_data='', expire_date=t.now() + t.timedelta(days=1));"
    "print(C(O('command:test', 'r')).issue({'label': 'a key'}).key.key_id)"
)


@dataclass
class Scene:
    """An installation whose key was revoked after the backup, and whose buckets are not those of the backup."""

    installed: Installation
    backup: Path
    key_id: str

    def restore(self, module: str, step: str, how: str) -> "subprocess.CompletedProcess[str]":
        """With a step that fails."""
        arguments = [f"backup.{module}", step, how, "restore", str(self.backup), "--replace"]
        return commands.run(["-m", "tests.backup.failing", *arguments], self.installed.environment)

    def state(self) -> str:
        """Of the key; and how many are signed in."""
        return self.installed.manage("shell", "-v0", "-c", STATE).stdout.strip()

    def loss_files(self) -> list[Path]:
        return list(self.installed.data_dir.glob("*.losses.json"))


@pytest.fixture
def scene(install: Install, tmp_path: Path, database: str) -> Scene:
    installed = install("installed", database)
    key_id = installed.manage("shell", "-v0", "-c", BEGIN).stdout.strip()
    installed.manage("backup", str(tmp_path / "backup"))
    installed.manage("revoke_key", key_id, "--yes")
    installed.settings["BUCKET_STORE_URL"] = f"lmdb://{installed.data_dir}/others/buckets"
    return Scene(installed, tmp_path / "backup", key_id)


@pytest.mark.parametrize(("database", "module", "step", "how"), BEFORE)
def test_failure_before_swap_changes_nothing(scene: Scene, module: str, step: str, how: str) -> None:
    done = scene.restore(module, step, how)
    assert (done.returncode, done.stdout) == (3 if how == "error" else -9, "")
    if how == "error":
        assert done.stderr == "CommandError: Failed: No space left on device.\n"
        assert (scene.loss_files(), list(scene.installed.data_dir.glob("*replaced-*"))) == ([], [])
    assert scene.state() == "revoked 1"
    message = scene.installed.run_json("restore", str(scene.backup), "--check")
    assert [change["about"] for change in message["lost"]["changes"]] == [scene.key_id]
    assert message["earlier"] == []


@pytest.mark.parametrize(("database", "module", "step", "how"), AFTER)
def test_failure_after_swap_is_reported(scene: Scene, module: str, step: str, how: str) -> None:
    done = scene.restore(module, step, how)
    assert done.returncode == (3 if how == "error" else -9)
    if how == "error":
        assert done.stderr == "CommandError: Failed: No space left on device.\n"
        assert "The database IS replaced, but the restore did not finish." in done.stdout
        assert f"Revoked or disabled keys that work again: {scene.key_id}" in done.stdout
    assert scene.state() == "active 0"
    (file,) = scene.loss_files()
    assert file.stat().st_mode & 0o777 == 0o600
    checked = scene.installed.run_json("restore", str(scene.backup), "--check")
    assert (checked["lost"]["changes"], checked["earlier"]) == (
        [], [{"file": str(file), "work_again": [scene.key_id]}],
    )  # fmt: skip

    again = scene.installed.manage("restore", str(scene.backup), "--replace").stdout
    assert f"{file} lists them. Keys that work again because of it: {scene.key_id}." in again
    assert "\nRestored." in again


@pytest.mark.parametrize("database", ["sqlite"])
def test_full_disk_is_one_line(scene: Scene) -> None:
    """The buckets' own disk is full: the operating system says so, and names no file."""
    status, message = scene.installed.refused(
        "restore", str(scene.backup), "--replace", environment={"BUCKET_STORE_URL": "lmdb:///proc/buckets"}
    )
    assert (status, message.count("\n"), "None" in message) == (3, 1, False)
    assert scene.state() == "revoked 1"
