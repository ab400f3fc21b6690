"""Invalid settings stop the start with one line."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.hashers import make_password

from tests.support import commands
from tests.support.commands import MANAGE
from tests.support.ports import free_port

GOOD = {"SECRET_KEY": "abcdefghijklmnopqrstuvwxyz" * 2, "SECRET_PEPPERS": "p1:" + "ab" * 32}


def manage(tmp_path: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    names = ("PATH", "LANG", "HOME")
    inherited = {name: os.environ[name] for name in names if name in os.environ}
    return commands.manage(arguments, {**inherited, "DATA_DIR": str(tmp_path / "data"), **environment})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "a" * 60),
        ("SECRET_KEY", "django-insecure-abcdefghijklmnopqrstuvwxyz"),
        ("SECRET_PEPPERS", ""),
        ("SECRET_PEPPERS", "p1:abcd"),
        ("SECRET_PEPPERS", "p1:" + "zz" * 32),
        ("SECRET_PEPPERS", "p1:" + "ab" * 32 + ",p1:" + "cd" * 32),
        ("DEBUG", "maybe"),
        ("METRICS_PUBLIC", "2"),
        ("ADMIN_REQUIRE_TOTP", "perhaps"),
        ("RECORD_CALLERS", "perhaps"),
        ("ADMIN_IDLE_TIMEOUT", "30"),
        ("ADMIN_LOCKOUT_FAILURES", "0"),
        ("ADMIN_LOCKOUT_DURATION", "soon"),
        ("PORT", "0"),
        ("PORT", "http"),
        ("WORKERS", "-1"),
        ("WORKERS", "1.5"),
        ("PUBLIC_URL", "keys.example.test"),
        ("PUBLIC_URL", "ftp://keys.example.test"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("LOG_CHECKS", "lk_0123456789ab:hunter2"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("SOCKET_MODE", "0460"),
        ("SOCKET_MODE", "rw-rw----"),
        ("SOCKET_MODE", "1777"),
        ("WEBHOOK_ALLOWED_NETWORKS", "hooks.internal"),
        ("DATABASE_URL", "mysql://u:hunter2@h/d"),
        ("DATABASE_URL", "nonsense hunter2"),
        ("DATABASE_URL", "sqlite://keys.db"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATABASE_URL", "postgres://u:hunter2@[h/d"),
        ("DATABASE_URL", "postgres://u:hunter2@h:port/d"),
        ("PUBLIC_URL", "http://["),
        ("PUBLIC_URL", "https://"),
        ("BUCKET_STORE_URL", "redis://:hunter2@h?x=1"),
        ("DEFAULT_RATE_LIMIT", '{"burst": 0, "per_seconds": 1}'),
        ("AUTH_FAILURE_LIMIT", "null"),
    ],
)
def test_invalid_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    result = manage(tmp_path, "check", **{**GOOD, name: value})
    assert result.returncode != 0
    assert name in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    assert "hunter2" not in result.stderr + result.stdout
    if value:
        assert value not in result.stderr or len(value) < 8


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_PEPPERS"])
def test_missing_secret_names_searched_places(tmp_path: Path, name: str) -> None:
    """New secrets in the place of those of another DATA_DIR would lock every key out: none are advised."""
    result = manage(tmp_path, "list_keys", **{**GOOD, name: ""})
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert f"{name}: is missing. It is neither in the environment nor in {tmp_path}/data/secrets.env." in result.stderr
    assert "set DATA_DIR" in result.stderr
    assert "bootstrap" not in result.stderr


def by_another_python(script: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs a script with a Python that has no package installed."""
    command = [sys.executable, "-S", str(script), *arguments]
    return subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)


def test_command_uses_virtual_environment(tmp_path: Path) -> None:
    """Of a Python without Django it is run again with that of .venv."""
    shutil.copy(MANAGE, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "run by .venv: $*"\n')
    python.chmod(0o755)
    done = by_another_python(tmp_path / "manage.py", "list_keys", "--format", "json")
    assert done.stdout == f"run by .venv: {tmp_path}/manage.py list_keys --format json\n"


def test_command_without_virtual_environment(tmp_path: Path) -> None:
    shutil.copy(MANAGE, tmp_path)
    done = by_another_python(tmp_path / "manage.py", "list_keys")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "latchkey: this Python has no django. Run `make run` once: it installs everything into .venv.\n"
    )


def test_log_checks_need_info_level(tmp_path: Path) -> None:
    """Who looks for the use of a leaked key must not take a level for the answer."""
    result = manage(tmp_path, "check", **GOOD, LOG_CHECKS="all", LOG_LEVEL="WARNING")
    assert result.returncode != 0
    assert "LOG_CHECKS: needs LOG_LEVEL INFO or DEBUG" in result.stderr


def test_valid_settings(tmp_path: Path) -> None:
    result = manage(tmp_path, "check", **GOOD)
    assert result.returncode == 0, result.stderr


def test_https_deployment_has_no_warning(tmp_path: Path) -> None:
    result = manage(
        tmp_path, "check", "--deploy", "--fail-level", "WARNING", **GOOD,
        PUBLIC_URL="https://keys.example.test", ALLOWED_HOSTS="keys.example.test",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("bind", ["8000", "host:", ":80", "127.0.0.1:99999", "127.0.0.1:x", "::1:8000"])
def test_serve_rejects_invalid_addresses(tmp_path: Path, bind: str) -> None:
    result = manage(tmp_path, "serve", "--bind", bind, **GOOD)
    assert (result.returncode, "--bind" in result.stderr) == (2, True)


def test_serve_rejects_invalid_options(tmp_path: Path) -> None:
    assert "manage.py migrate" in manage(tmp_path, "serve", "--bind", f"127.0.0.1:{free_port()}", **GOOD).stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = manage(tmp_path, "serve", "--bind", f"127.0.0.1:{taken.getsockname()[1]}", **GOOD)
    assert (result.returncode, "cannot be used" in result.stderr) == (2, True)
    result = manage(tmp_path, "serve", "--workers", "4", **GOOD, BUCKET_STORE_URL="memory://")
    assert result.returncode != 0
    assert "ratelimit.E002" in result.stderr


def test_passwords_are_hashed_with_argon2() -> None:
    assert make_password("a long enough pass phrase").startswith("argon2$argon2id$")
