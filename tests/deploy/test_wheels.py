"""The wheels of `make dist`, installed in an environment of their own, away from the source tree."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from deploy import wheels
from latchkey import __version__
from tests.support.commands import ROOT
from tests.support.ports import free_port
from tests.support.services import unavailable
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow("builds and installs both wheels"), pytest.mark.storeless("what is installed")]
UV = str(Path(sys.executable).with_name("uv"))


@dataclass
class Installed:
    """The installed programs, with a home directory of their own; `place` is the current directory."""

    bin: Path
    home: Path
    place: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "PORT": str(self.port), "WORKERS": "1"}

    def run(self, program: str, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.bin / program, *arguments],
            env=self.environment | more,
            cwd=self.place,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, log: Path, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        """Start the server, and return once it serves."""
        with log.open("wb") as out:
            process = subprocess.Popen(
                [self.bin / "latchkey-server", *arguments],
                env=self.environment | more,
                cwd=self.place,
                stdout=out,
                stderr=out,
            )
        wait_until(
            lambda: process.poll() is not None or "Latchkey serves on" in log.read_text(), "latchkey-server", seconds=60
        )
        assert process.poll() is None, log.read_text()
        return process


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    try:
        return wheels.build(tmp_path_factory.mktemp("dist"))
    except subprocess.CalledProcessError:
        unavailable("no index, from which the build gets setuptools")


@pytest.fixture(scope="module")
def installed(built: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Both wheels. The current directory has files that must not be taken for ours."""
    base = tmp_path_factory.mktemp("installed")
    for name in ("home", "place"):
        (base / name).mkdir()
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, base / "venv"], check=True)
    python = base / "venv/bin/python"
    done = subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", python, *built], capture_output=True, text=True, check=False
    )
    if done.returncode:
        unavailable(f"no index: {done.stderr}")
    for name in ("latchkey", "controlplane", "api", "health"):
        (base / "place" / f"{name}.py").write_text("raise SystemExit('another module')\n")
    (base / "place/manage.py").write_text("raise SystemExit('another program')\n")
    (base / "place/.env").write_text("SECRET_KEY=short\nDATABASE_URL=nonsense\n")
    return Installed(base / "venv/bin", base / "home", base / "place", free_port())


@pytest.fixture(scope="module")
def first_log(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What a new server printed; it runs meanwhile."""
    log = tmp_path_factory.mktemp("log") / "server.log"
    process = installed.start(log)
    yield log.read_text()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, log.read_text()


def test_help_creates_nothing(installed: Installed, tmp_path: Path) -> None:
    for option, expected in (("--help", "usage: latchkey-server"), ("--version", f"latchkey-server {__version__}\n")):
        done = installed.run("latchkey-server", option, HOME=str(tmp_path))
        assert (done.returncode, done.stderr) == (0, "")
        assert expected in done.stdout
    assert installed.run("latchkey-server", "--wrong", HOME=str(tmp_path)).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_printed_line_works(installed: Installed, first_log: str) -> None:
    [line] = re.findall(r"^ *(curl -i .*)$", first_log, flags=re.MULTILINE)
    assert str(installed.port) in line
    if not shutil.which("curl"):
        unavailable("no curl")
    done = subprocess.run([*line.split(), "--silent", "--max-time", "10"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("HTTP/1.1 200")
    assert '"label":"first key"' in done.stdout


def test_pages_have_their_templates_styles_and_docs(installed: Installed, first_log: str) -> None:
    with httpx.Client(base_url=f"http://localhost:{installed.port}") as client:
        assert client.get("/health").json() == {"status": "ok"}
        login = client.get("/admin/login/")
        assert login.status_code == 200
        sheets = re.findall(r'href="(/static/[^"]+\.css)"', login.text)
        assert sheets
        for sheet in sheets:
            found = client.get(sheet)
            assert (found.status_code, found.headers["content-type"].partition(";")[0]) == (200, "text/css"), sheet
        assert "without an enforced limit" in client.get("/guard-rails/unlimited_key").text


def test_admin_signs_in(installed: Installed, first_log: str) -> None:
    [password] = re.findall(r"^ *Password +(\S+)$", first_log, flags=re.MULTILINE)
    with httpx.Client(base_url=f"http://localhost:{installed.port}", follow_redirects=True) as client:
        client.get("/admin/login/")
        form = {"username": "admin", "password": password, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        headers = {"Origin": f"http://localhost:{installed.port}"}
        assert "Overview" in client.post("/admin/login/?next=/admin/", data=form, headers=headers).text


def test_commands_find_the_same_data(installed: Installed, first_log: str) -> None:
    check = installed.run("latchkey-manage", "check")
    assert (check.returncode, check.stderr) == (0, ""), check
    listed = installed.run("latchkey-manage", "list_keys", "--format", "json")
    assert [key["label"] for key in json.loads(listed.stdout)["items"]] == ["first key"]
    migrations = installed.run("latchkey-manage", "makemigrations", "--check", "--dry-run")
    assert migrations.returncode == 0, migrations
    nginx = installed.run("latchkey-manage", "proxy_config", "nginx", "--upstream", "http://127.0.0.1:9000")
    assert "auth_request" in nginx.stdout, nginx
    [credential] = re.findall(r"lk_\w+:lks_\w+", first_log)[:1]
    for program in (("latchkey",), ("latchkey-manage", "ctl")):
        whoami = installed.run(
            *program, "whoami", LATCHKEY_API_KEY=credential, LATCHKEY_URL=f"http://localhost:{installed.port}"
        )
        assert "first key" in whoami.stdout, whoami


def test_code_is_the_installed_one(installed: Installed, first_log: str) -> None:
    ask = "import sys, latchkey, manage; print(latchkey.__file__, manage.__file__, *sys.path)"
    done = installed.run("latchkey-manage", "shell", "--no-imports", "--command", ask)
    latchkey, manage, *path = done.stdout.split()
    tree = Path(manage).parent
    assert (tree.parent.name, tree.name) == ("latchkey_server", "tree")
    assert Path(latchkey).is_relative_to(tree), "and not the wheel of the client, which may be another version"
    assert str(ROOT) not in path


def test_data_is_private_and_in_its_place(installed: Installed, first_log: str) -> None:
    data = installed.home / ".local/share/latchkey/var"
    assert (data / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert data.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in data.iterdir()} >= {"buckets", "metrics"}
    names = {path.name for path in installed.place.iterdir()}
    assert names == {"latchkey.py", "controlplane.py", "api.py", "health.py", "manage.py", ".env"}


def test_settings_and_second_start(installed: Installed, tmp_path: Path) -> None:
    """XDG_DATA_HOME with an `.env`, and BIND as `make run` reads it. Secrets are shown once."""
    (tmp_path / "latchkey").mkdir()
    (tmp_path / "latchkey/.env").write_text('DEFAULT_RATE_LIMIT={"burst": 7, "per_seconds": 60}\n')
    port = free_port()
    settings = {"XDG_DATA_HOME": str(tmp_path), "BIND": f"127.0.0.1:{port}"}
    logs = []
    for name in ("first.log", "second.log"):
        process = installed.start(tmp_path / name, "--workers", "2", **settings)
        assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        logs.append((tmp_path / name).read_text())
    # The credential, the same as one token, and in the curl line.
    assert (logs[0].count("lks_"), logs[1].count("lks_")) == (3, 0)
    assert "with 2 workers" in logs[0]
    [key] = json.loads(installed.run("latchkey-manage", "list_keys", "--format", "json", **settings).stdout)["items"]
    assert key["rate_limit"]["burst"] == 7


def test_without_secrets_the_message_names_the_program(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("latchkey-manage", "list_keys", HOME=str(tmp_path))
    assert done.returncode == 2
    assert "run `latchkey-server`" in done.stderr


def test_uvx_starts_the_file(built: list[Path]) -> None:
    [server] = [wheel for wheel in built if wheel.name.startswith("latchkey_server")]
    command = [UV, "tool", "run", "--python", sys.executable, str(server), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == f"latchkey-server {__version__}\n", done


def test_wheel_has_the_configurations_and_no_ignored_file(built: list[Path]) -> None:
    [server] = [wheel for wheel in built if wheel.name.startswith("latchkey_server")]
    names = ZipFile(server).namelist()
    tree = {name.removeprefix("latchkey_server/tree/") for name in names}
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--", *wheels.tree_files(), "deploy/nginx", "deploy/systemd"]
    expected = set(subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")) - {""}
    ignored = ["git", "-C", str(ROOT), "check-ignore", "--no-index", "--stdin"]
    assert expected <= tree
    assert not [name for name in tree if name.startswith("deploy/") and (name.endswith(".py") or "docs" in name)]
    done = subprocess.run(ignored, input="\n".join(tree), capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert {name.partition("/")[0] for name in names} == {"latchkey_server", f"latchkey_server-{__version__}.dist-info"}
