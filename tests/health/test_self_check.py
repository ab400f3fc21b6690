"""Health check of a container, with the key that the server made at start."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from apikeys.config_service import ConfigService
from apikeys.system_keys import replace_system_key
from health.self_check import SelfCheck, main

ROOT = Path(__file__).parent.parent.parent
WriteCheck = Callable[..., Path]


@pytest.fixture
def write_check(live_server: LiveServer, service: ConfigService, tmp_path: Path) -> WriteCheck:
    """Return a function that writes the file of a server, with some of its fields replaced."""

    def write(**changes: object) -> Path:
        credential = replace_system_key(service, label="check", scopes=["health:read"]).credential.reveal()
        members = {
            "name": "keys.example.test",
            "credential": credential,
            "credential_header": "X-API-Key",
            **changes,
        }
        port = members.pop("port", live_server.thread.port)
        path = tmp_path / "inner" / "health-check"
        SelfCheck.of_bind(live_server.thread.host, int(str(port)), **members).write(path)  # type: ignore[arg-type]
        return path

    return write


@pytest.mark.django_db(transaction=True)
def test_serving_server_is_healthy(write_check: WriteCheck) -> None:
    assert main([str(write_check())]) == 0


@pytest.mark.django_db(transaction=True)
def test_key_may_be_sent_as_bearer(write_check: WriteCheck) -> None:
    assert main([str(write_check(credential_header="Authorization"))]) == 0


@pytest.mark.django_db(transaction=True)
def test_revoked_key_is_unhealthy(
    write_check: WriteCheck, service: ConfigService, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_check()
    key_id = json.loads(path.read_text())["credential"].partition(":")[0]
    service.revoke(key_id)
    assert main([str(path)]) == 1
    assert capsys.readouterr().err.startswith("latchkey: 401 ")


@pytest.mark.django_db(transaction=True)
def test_key_without_scope_is_unhealthy(
    write_check: WriteCheck, service: ConfigService, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking = replace_system_key(service, label="other", scopes=[]).credential.reveal()
    assert main([str(write_check(credential=lacking))]) == 1
    assert "403" in capsys.readouterr().err


@pytest.mark.django_db(transaction=True)
def test_server_that_does_not_listen_is_unhealthy(write_check: WriteCheck, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write_check(port=1))]) == 1
    assert "does not respond" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff", b'{"host": 1}'])
def test_missing_or_invalid_file(tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "check"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    assert main([str(path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_missing_setting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("HEALTH_CHECK_FILE", raising=False)
    assert main([]) == 1
    assert "HEALTH_CHECK_FILE" in capsys.readouterr().err


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "inner" / "check"
    SelfCheck.of_bind("::", 8000, name="a", credential="b", credential_header="X-API-Key").write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert SelfCheck.read(path) == SelfCheck("::1", 8000, "a", "b", "X-API-Key")
    assert SelfCheck.of_bind("0.0.0.0", 1, name="", credential="", credential_header="X-API-Key").host == "127.0.0.1"
    assert [entry.name for entry in path.parent.iterdir()] == ["check"]


def test_imports_neither_django_nor_a_client() -> None:
    script = "import sys, health.self_check; print(sorted({'django', 'httpx', 'asyncio'} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_file_accessible_to_others_is_rejected(tmp_path: Path, mode: int, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "inner" / "check"
    SelfCheck.of_bind("127.0.0.1", 1, name="a", credential="b", credential_header="X-API-Key").write(path)
    path.chmod(mode)
    assert main([str(path)]) == 1
    assert "belong to this user" in capsys.readouterr().err


def test_directory_of_others_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    for directory in ("open", "link"):
        with pytest.raises(PermissionError):
            SelfCheck.of_bind("127.0.0.1", 1, name="a", credential="b", credential_header="X-API-Key").write(
                tmp_path / directory / "check"
            )


@pytest.mark.django_db(transaction=True)
def test_throttled_check_is_healthy(write_check: WriteCheck) -> None:
    path = write_check()
    assert [main([str(path)]) for _ in range(65)] == [0] * 65
