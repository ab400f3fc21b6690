import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.management.commands import scan_for_secrets
from apikeys.models import KeySecret
from latchkey.credentials import generate_key_id, generate_secret

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("scan_for_secrets", *arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def items(*arguments: str) -> list[dict[str, Any]]:
    _, out, _ = run(*arguments, "--format", "json")
    found: list[dict[str, Any]] = json.loads(out)["items"]
    return found


@pytest.fixture
def file(tmp_path: Path, root: IssuedKey) -> Path:
    path = tmp_path / "server.log"
    path.write_text(f"one\nsecret={root.credential.secret}\n")
    return path


def test_file_without_secret(tmp_path: Path) -> None:
    assert run(str(tmp_path)) == (0, "(none)\n", "")


def test_usable_secret(file: Path, root: IssuedKey) -> None:
    code, out, err = run(str(file))
    assert code == 1
    assert f"{file}  2     {root.credential.secret[:8]}…" in out
    assert f"Valid on this server: secrets of {root.key.key_id}. Rotate or revoke these keys" in err
    assert root.credential.secret[8:] not in out + err
    assert items(str(file)) == [
        {
            "path": str(file),
            "line": 2,
            "secret": f"{root.credential.secret[:8]}…",
            "key_id": root.key.key_id,
            "key_state": "active",
            "secret_state": "active",
            "works_here": True,
        }
    ]


def test_secret_of_other_installation(tmp_path: Path) -> None:
    key_id = generate_key_id()
    (tmp_path / "log").write_text(f"{key_id}:{generate_secret()}")
    (it,) = items(str(tmp_path))
    assert (it["key_id"], it["key_state"], it["secret_state"], it["works_here"]) == (key_id, None, None, False)
    code, _, err = run(str(tmp_path))
    assert (code, err) == (1, "")


def test_retiring_and_ended_secret(file: Path, root: IssuedKey, service: ConfigService) -> None:
    service.rotate(root.key.key_id)
    (it,) = items(str(file))
    assert (it["secret_state"], it["works_here"]) == ("retiring", True)
    KeySecret.objects.filter(state="retiring").update(expires_at=timezone.now())
    (it,) = items(str(file))
    assert (it["key_id"], it["secret_state"], it["works_here"]) == (None, None, False)


def test_secret_of_revoked_key(file: Path, root: IssuedKey, service: ConfigService) -> None:
    service.revoke(root.key.key_id)
    (it,) = items(str(file))
    assert (it["key_state"], it["works_here"]) == ("revoked", False)
    assert run(str(file))[0] == 1


def test_secret_of_disabled_key_is_usable(file: Path, root: IssuedKey, service: ConfigService) -> None:
    service.update(root.key.key_id, {"enabled": False})
    (it,) = items(str(file))
    assert (it["key_state"], it["works_here"]) == ("disabled", True)


def test_digest_under_older_pepper(file: Path, root: IssuedKey, settings: Any) -> None:
    from apikeys.peppers import configured_peppers

    settings.SECRET_PEPPERS = f"new:{'33' * 32},{settings.SECRET_PEPPERS}"
    configured_peppers.cache_clear()
    try:
        (it,) = items(str(file))
    finally:
        configured_peppers.cache_clear()
    assert it["works_here"] is True


def test_without_database(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is told all the same."""

    def broken(*arguments: object) -> None:
        raise DatabaseError("it is gone")

    monkeypatch.setattr(scan_for_secrets, "find_secret", broken)
    code, out, err = run(str(file), "--format", "json")
    assert (code, json.loads(out)["items"][0]["works_here"]) == (1, None)
    assert err == "Not looked up: it is gone\n"


def test_standard_input(root: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.BytesIO(f"\n\n{root.credential.reveal()}".encode())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=given))
    (it,) = items("-")
    assert (it["path"], it["line"], it["key_id"]) == ("-", 3, root.key.key_id)


def test_unread_file_is_reported(tmp_path: Path, file: Path) -> None:
    code, out, err = run(str(tmp_path / "missing"))
    assert (code, out) == (3, "(none)\n")
    assert err == f"Not read: {tmp_path / 'missing'}: No such file or directory.\n"
    assert run(str(tmp_path / "missing"), str(file))[0] == 1
