"""Installed alone: the command and the client, without Django and without the server's apps."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.latchkey.cli.running import Latchkey, install
from tests.support.server import RunningServer
from tests.support.services import python_313

pytestmark = pytest.mark.slow("runs the installed command many times")

ASK = """
import importlib.util, sys
for name in ("django", "rest_framework", "structlog", "controlplane", "apikeys", "ratelimit", "events", "health"):
    assert importlib.util.find_spec(name) is None, name
import latchkey
assert "httpx" not in sys.modules, "the client comes in where it is asked for"
from latchkey import Client
with Client(sys.argv[1], sys.stdin.read()) as client:
    print(*sys.version_info[:2], client.with_request_id("alone.1").whoami().request_id)
"""


def check(program: Path, server: RunningServer, root: str, home: Path) -> str:
    ran = Latchkey(program, home, server.url, root).run("whoami", "--format", "json")
    assert (ran.exit_code, ran.json["label"], ran.err) == (0, "root", "")
    done = subprocess.run(
        [program.parent / "python", "-c", ASK, server.url],
        input=root,
        capture_output=True,
        text=True,
        cwd=home,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_on_this_python(program: Path, server: RunningServer, root: str, tmp_path: Path) -> None:
    assert check(program, server, root, tmp_path) == f"{sys.version_info[0]} {sys.version_info[1]} alone.1"


@pytest.mark.needs("python3.13")
def test_on_python_3_13(server: RunningServer, root: str, tmp_path: Path) -> None:
    program = install(str(python_313()), tmp_path) / "latchkey"
    assert check(program, server, root, tmp_path) == "3 13 alone.1"


def test_module_is_the_command(program: Path, tmp_path: Path) -> None:
    python = program.parent / "python"
    done = subprocess.run(
        [python, "-m", "latchkey", "--version"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout == "latchkey 0.1.0\n"
