"""Contents of a backup, which is complete or does not exist."""

import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from backup.errors import BackupFailed, BackupRefused
from backup.files import atomic_directory
from tests.backup.conftest import Install
from tests.backup.installation import Installation
from tests.support.commands import MANAGE, ROOT


def test_backup_is_private_and_has_no_secret(installed: Installation, tmp_path: Path) -> None:
    key = installed.new_key()
    (installed.data_dir / "records").write_bytes(b"what the workers share")
    installed.manage("backup", str(tmp_path / "backup"))
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    for file in (tmp_path / "backup").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        content = file.read_bytes()
        for secret in ("ab" * 32, installed.environment["SECRET_KEY"], key["secret"]):
            assert secret.encode() not in content
            assert bytes.fromhex("ab" * 32) not in content
        assert b"what the workers share" not in content


def test_existing_path_is_rejected(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "empty", "link"):
        status, message = installed.refused("backup", str(tmp_path / name))
        assert (status, "already exists" in message) == (2, True)
    assert (tmp_path / "file").read_text() == "mine"
    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_full_disk_leaves_nothing(installed: Installation, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    done = subprocess.run(
        [sys.executable, MANAGE, "backup", str(tmp_path / "backups" / "one")],
        env=installed.environment, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert list((tmp_path / "backups").iterdir()) == []


def test_only_parent_directory_is_created(installed: Installation, tmp_path: Path) -> None:
    status, message = installed.refused("backup", str(tmp_path / "no" / "such" / "way"))
    assert (status, message) == (3, f"CommandError: Failed: {tmp_path}/no/such: No such file or directory.\n")
    installed.manage("backup", str(tmp_path / "backups" / "one"))
    assert stat.S_IMODE((tmp_path / "backups").stat().st_mode) == 0o700


def test_unmigrated_database_is_an_error(install: Install, tmp_path: Path) -> None:
    status, _ = install("new", migrated=False).refused("backup", str(tmp_path / "backup"))
    assert status == 3
    assert not (tmp_path / "backup").exists()


def test_killed_backup_leaves_no_backup(installed: Installation, tmp_path: Path) -> None:
    program = (
        "import os, signal\nfrom pathlib import Path\nfrom backup.files import atomic_directory\n"
        f"with atomic_directory(Path({str(tmp_path / 'backup')!r})) as draft:\n"
        "    (draft / 'database.sqlite3').write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "backup").exists()
    (left,) = tmp_path.glob(".backup.partial-*")
    status, message = installed.refused("restore", str(left))
    assert (status, "is not a backup" in message) == (2, True)


def test_exception_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with atomic_directory(tmp_path / "backup") as draft:
            (draft / "file").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_first_writer_wins(tmp_path: Path) -> None:
    def second() -> None:
        with atomic_directory(tmp_path / "backup"):
            (tmp_path / "backup").mkdir()

    with pytest.raises(BackupRefused):
        second()
    with pytest.raises(BackupFailed), atomic_directory(tmp_path / "no" / "such"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


@pytest.mark.slow("runs many commands of backup and restore")
@pytest.mark.needs("postgresql")
def test_postgresql_needs_no_client_programs(install: Install, tmp_path: Path) -> None:
    installed = install("installed", "postgresql")
    nowhere = {"PATH": str(tmp_path)}
    installed.manage("backup", str(tmp_path / "backup"), environment=nowhere)
    installed.manage("restore", str(tmp_path / "backup"), "--replace", environment=nowhere)


@pytest.mark.slow("runs many commands of backup and restore")
@pytest.mark.needs("postgresql")
def test_foreign_tables_are_rejected(install: Install, tmp_path: Path) -> None:
    installed = install("installed", "postgresql")
    with psycopg.connect(installed.settings["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE TABLE theirs (id integer)")
    status, message = installed.refused("backup", str(tmp_path / "backup"))
    assert (status, message.count("\n"), "not Latchkey's: theirs" in message) == (2, 1, True)
    assert not (tmp_path / "backup").exists()
