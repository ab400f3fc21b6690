"""The programs of docs/tutorials/protect-your-app.md do what the page says, started with the commands that it names."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from latchkey import headers
from latchkey.client.rate_limit import RateLimit
from tests.clients.go import tools as go_tools
from tests.clients.node import tools
from tests.latchkey.integrations.cases import key
from tests.latchkey.integrations.conftest import Keys
from tests.support.commands import ROOT
from tests.support.ports import free_port
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.slow("runs the programs of the docs"),
    pytest.mark.storeless("what the programs of the docs do with a verdict"),
]

PAGE = (ROOT / "docs" / "tutorials" / "protect-your-app.md").read_text(encoding="utf-8")
PROGRAMS = dict(
    re.findall(r"save it as `(\w+\.\w+)`:\n\n```\w+\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL | re.IGNORECASE)
)
COMMANDS = {name: re.search(rf"^\$ (.*\b{Path(name).stem}\b.*)$", PAGE, flags=re.MULTILINE) for name in PROGRAMS}
PORT = "9000"
OWN_LINE = re.compile(r"latchkey|require_key|requireKey|RequireKey|HasScope|Rule\(|EXCEPTION_HANDLER|IsAuthenticated")
OF_NODE = [name for name in PROGRAMS if name.endswith(".mjs")]
OF_GO = [name for name in PROGRAMS if name.endswith(".go")]
NEEDS = {**dict.fromkeys(OF_NODE, "node-packages"), **dict.fromkeys(OF_GO, "go")}
NAMES = [pytest.param(name, marks=pytest.mark.needs(NEEDS[name]) if name in NEEDS else ()) for name in PROGRAMS]


@contextmanager
def running(name: str, directory: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of a program of the page."""
    found, port = COMMANDS[name], str(free_port())
    assert found is not None
    source = PROGRAMS[name].replace(PORT, port)
    (directory / name).write_text(source)
    command = shlex.split(found[1].replace(PORT, port))
    if name in OF_NODE:
        (directory / "node_modules").symlink_to(tools.build().parent / "node_modules")
    elif name in OF_GO:
        # `go run` would not pass on that it has to end.
        command = [str(go_tools.build_outside(source, directory, name))]
    else:
        command[0] = str(Path(sys.executable).with_name(command[0]))
    # uvicorn finds the program in the directory in which it's started; the package comes from this tree.
    paths = {"PYTHONPATH": f"{ROOT}{os.pathsep}{directory}", "PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    url, log = f"http://localhost:{port}", directory / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=directory, env=environment | paths, stdout=output, stderr=output) as process,
    ):
        try:
            wait_until(lambda: responds(url) or process.poll() is not None, f"the start of {name}")
            assert process.poll() is None, log.read_text()
            yield url
        finally:
            process.terminate()
    assert "lks_" not in log.read_text()


def responds(url: str) -> bool:
    try:
        return httpx.get(f"{url}/orders", timeout=5).status_code > 0
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("name", NAMES)
def test_program(name: str, keys: Keys, tmp_path: Path) -> None:
    environment = {"LATCHKEY_URL": keys.url, "LATCHKEY_API_KEY": keys.service}
    caller = keys.new(rate_limit=RateLimit(10, 3600)).reveal()
    with running(name, tmp_path, environment) as url, httpx.Client(base_url=url, timeout=10) as client:
        if "/health" in PROGRAMS[name] or '"health"' in PROGRAMS[name]:
            assert client.get("/health").json() == {"status": "ok"}
        missing = client.get("/orders")
        assert (missing.status_code, missing.headers["WWW-Authenticate"]) == (401, headers.CHALLENGE)
        assert missing.json()["title"] == "Missing credential"
        passes = client.get("/orders", headers=key(caller))
        assert (passes.status_code, passes.json()) == (200, {"orders": [], "owner": "shop"})
        assert passes.headers[headers.X_RATE_LIMIT_REMAINING] == "9"
        costly = client.get("/export", headers=key(caller))
        assert (costly.status_code, costly.json()["exported_for"]) == (200, caller.partition(":")[0])
        assert costly.headers[headers.X_RATE_LIMIT_REMAINING] == "4"
        throttled = client.get("/export", headers=key(caller))
        assert (throttled.status_code, int(throttled.headers[headers.RETRY_AFTER]) > 1) == (429, True)
        lacks = client.get("/orders", headers=key(keys.new(scopes=["orders:write"]).reveal()))
        assert (lacks.status_code, lacks.json()["detail"]) == (403, "This call needs the scope orders:read.")


@pytest.mark.parametrize("name", NAMES)
def test_program_is_closed_without_latchkey(name: str, keys: Keys, tmp_path: Path) -> None:
    environment = {"LATCHKEY_URL": f"http://127.0.0.1:{free_port()}", "LATCHKEY_API_KEY": keys.service}
    with running(name, tmp_path, environment) as url:
        response = httpx.get(f"{url}/orders", headers=key(keys.new().reveal()), timeout=10)
    assert (response.status_code, response.json()["title"]) == (503, "Temporarily unavailable")
    assert "Nothing listens at" in (tmp_path / "log").read_text(), "its operator can see why"


@pytest.mark.parametrize("name", PROGRAMS)
def test_few_lines_are_about_latchkey(name: str) -> None:
    own = [line for line in PROGRAMS[name].splitlines() if OWN_LINE.search(line)]
    assert 2 <= len(own) <= 8, own


def test_every_program_is_run() -> None:
    assert len(PROGRAMS) == sum(PAGE.count(f"```{language}\n") for language in ("python", "js", "go")) == 9
    assert (len(OF_NODE), len(OF_GO)) == (3, 1)
    assert all(COMMANDS.values())


def test_the_package_for_node_is_packed_under_this_name() -> None:
    version = json.loads((tools.PACKAGE / "package.json").read_text())["version"]
    assert f"npm install ./latchkey-node-{version}.tgz" in PAGE
