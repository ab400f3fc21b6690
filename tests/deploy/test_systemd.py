"""The unit of systemd: valid, hardened, and what it forbids is nothing that the server needs."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.commands import ROOT
from tests.support.server import RunningServer

pytestmark = pytest.mark.storeless("a unit of systemd")

UNIT = ROOT / "deploy" / "systemd" / "latchkey.service"
SOCKET = ROOT / "deploy" / "systemd" / "latchkey.socket"
MANAGE = ROOT / "deploy" / "systemd" / "latchkey-manage"
MOST_EXPOSURE = 1.5
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
REFUSE_EXEC_GAIN = """
import ctypes, os, sys
if ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0):
    sys.exit(77)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_command_matches_the_unit() -> None:
    unit, command = UNIT.read_text(), MANAGE.read_text()
    for name in ("DynamicUser", "User", "StateDirectory", "StateDirectoryMode", "UMask", "LoadCredential",
                 "EnvironmentFile", "WorkingDirectory"):  # fmt: skip
        (value,) = re.findall(rf"^{name}=(.*)$", unit, flags=re.MULTILINE)
        assert f"--property={name}={value} " in command, name
    subprocess.run(["sh", "-n", MANAGE], check=True)


STAND_IN = f"""#!{sys.executable}
import os, sys
arguments = [part for part in sys.argv[1:] if not part.startswith("--")]
os.chdir({str(ROOT)!r})
os.execv(sys.executable, [sys.executable, *arguments[1:]])
"""


def test_command_reads_secrets_like_the_server(tmp_path: Path) -> None:
    """And not as a shell would. Something else stands in for systemd-run."""
    url = "postgres://latchkey:a&b$HOME`c;d'e@db/latchkey"
    key = "k$(exit 1)&" + "0123456789" * 5
    (tmp_path / "secrets.env").write_text(f"SECRET_KEY={key}\nSECRET_PEPPERS=p1:{'ab' * 32}\nDATABASE_URL={url}\n")
    (tmp_path / "systemd-run").write_text(STAND_IN)
    (tmp_path / "systemd-run").chmod(0o700)
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {"PATH": path, "DATA_DIR": str(tmp_path / "data"), "CREDENTIALS_DIRECTORY": str(tmp_path)}
    program = "from django.conf import settings as s; print(s.SECRET_KEY, s.DATABASES['default']['PASSWORD'])"
    done = subprocess.run(
        ["sh", MANAGE, "shell", "-v0", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == (f"{key} a&b$HOME`c;d'e\n", "")


def test_unit_contains_no_secret() -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    assert "SECRET" not in parser["Service"]["Environment"]
    assert parser["Service"]["LoadCredential"] == "secrets.env:/etc/latchkey/secrets.env"


@needs_systemd
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """With a program that is here in place of the one that is installed."""
    there = UNIT.read_text().replace("/opt/latchkey/venv/bin/python", sys.executable)
    (tmp_path / "latchkey.service").write_text(there)
    (tmp_path / "latchkey.socket").write_text(SOCKET.read_text())
    units = [tmp_path / "latchkey.service", tmp_path / "latchkey.socket"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if "latchkey." in line]
    assert (done.returncode, told) == (0, [])


@needs_systemd
def test_little_is_exposed() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT], capture_output=True, text=True, check=False
    )  # fmt: skip
    found = re.search(r"Overall exposure level for latchkey.service: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found.group(1)) <= MOST_EXPOSURE


@pytest.mark.slow("runs several servers")
def test_server_needs_no_writable_executable_memory(tmp_path: Path, own_stores: None) -> None:
    """As under MemoryDenyWriteExecute; by prctl(PR_SET_MDWE), which children inherit."""
    probe = subprocess.run([sys.executable, "-c", REFUSE_EXEC_GAIN, "-c", ""], check=False)
    if probe.returncode == 77:
        pytest.skip("the kernel has no PR_SET_MDWE")

    class Hardened(RunningServer):
        """A server whose processes may not make memory executable."""

        def prefix(self) -> list[str]:
            return [sys.executable, "-c", REFUSE_EXEC_GAIN]

    server = Hardened(tmp_path, workers=1)
    server.manage("migrate", "--verbosity", "0")
    command = [
        *server.prefix(),
        str(ROOT / "manage.py"),
        "serve",
        "--bind",
        f"127.0.0.1:{server.port}",
        "--workers",
        "1",
    ]
    with (tmp_path / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env=server.environment, stdout=log, stderr=log)
    try:
        while "Started server process" not in server.log:
            assert process.poll() is None, server.log
        assert httpx.get(f"{server.url}/health", timeout=20).json()["status"] in ("ok", "degraded")
        assert httpx.get(f"{server.url}/v1/whoami", timeout=20).status_code == 401
    finally:
        process.terminate()
        assert process.wait(30) == 0
