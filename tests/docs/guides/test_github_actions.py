"""docs/how-to/github-actions.md: the key is issued, checked, verified and rotated as the page says."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from latchkey.credentials import generate_secret
from tests.docs.guides.pages import blocks, file_of, shows
from tests.docs.guides.services import App, listening
from tests.docs.guides.terminal import Terminal
from tests.support.ports import free_port
from tests.support.server import RunningServer, issue
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.slow("runs the commands of the docs"),
    pytest.mark.needs("jq"),
    pytest.mark.storeless("what the commands of a page show"),
]

PAGE = "github-actions.md"
WORKFLOW = ".github/workflows/deploy.yml"
# Like the real one, which needs GitHub, it takes the secret from standard input without the line break at its end.
GH = 'test "$1 $2 $4 $5" = "secret set --repo acme/orders" && printf %s "$(cat)" >secret.$3'


@pytest.fixture
def terminal(latchkey: RunningServer, tmp_path: Path) -> Terminal:
    root = issue(latchkey, "--label", "operator", "--scope", "*")["credential"]
    variables = {"LATCHKEY_URL": latchkey.url, "LATCHKEY_API_KEY": root}
    return Terminal(tmp_path, latchkey, {}, {"gh": GH}, variables=variables)


def secret(terminal: Terminal) -> str:
    return (terminal.directory / "secret.LATCHKEY_API_KEY").read_text()


def run(terminal: Terminal, script: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a step as a runner does by default: without `pipefail`."""
    environment = {"PATH": os.environ["PATH"], "LATCHKEY_URL": terminal.server.url} | variables
    command = ["bash", "-e", "-c", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(file_of(PAGE, WORKFLOW))["jobs"]["deploy"]["steps"]
    return found


def test_guide(terminal: Terminal) -> None:
    issued, _, failed, _, rotated, finished = blocks(PAGE)
    short = issue(terminal.server, "--label", "short", "--expires-in", "3s")["credential"]
    terminal.follow(issued)
    check, call = (step["run"] for step in steps())
    passes = run(terminal, check, LATCHKEY_API_KEY=secret(terminal))
    assert passes.returncode == 0, passes.stderr
    assert '"scopes":["orders:write"]' in passes.stdout

    with listening(App) as port:
        called = run(
            terminal, call.replace("https://api.example.com", f"http://127.0.0.1:{port}"), LATCHKEY_API_KEY="one"
        )
    assert '"method":"POST"' in called.stdout
    old = secret(terminal)
    terminal.follow(rotated)
    assert secret(terminal) != old
    for credential in (old, secret(terminal)):
        assert run(terminal, check, LATCHKEY_API_KEY=credential).returncode == 0
    wait_for_last_use(terminal)
    terminal.follow(finished)
    assert run(terminal, check, LATCHKEY_API_KEY=old).returncode == 22
    wait_until(lambda: run(terminal, check, LATCHKEY_API_KEY=short).returncode != 0, "the key's expiry")
    refused = run(terminal, check, LATCHKEY_API_KEY=short)
    assert refused.returncode == 22
    assert shows(failed.text.rstrip("\n"), f"{refused.stdout}\n{refused.stderr}")


def wait_for_last_use(terminal: Terminal) -> None:
    shown = (
        'for i in $(seq 100); do latchkey --format json keys show "$KEY_ID" | grep -q last_used_at.*null || break; done'
    )
    assert terminal.type(shown).returncode == 0


def test_credential_that_is_deployed(terminal: Terminal) -> None:
    script = blocks(PAGE)[3].text
    own = issue(terminal.server, "--label", "ci", "--scope", "verify")["credential"]
    right = issue(terminal.server, "--label", "app", "--scope", "orders:read")
    assert run(terminal, script, LATCHKEY_API_KEY=own, CREDENTIAL=right["credential"]).returncode == 0
    wrong = run(terminal, script, LATCHKEY_API_KEY=own, CREDENTIAL=f"{right['key_id']}:{generate_secret()}")
    assert (wrong.returncode, wrong.stdout) == (1, "INVALID\n")
    assert run(terminal, script, LATCHKEY_API_KEY=right["credential"], CREDENTIAL=own).returncode != 0
    # An empty verdict is none.
    down = run(terminal, script.replace("$LATCHKEY_URL", f"http://127.0.0.1:{free_port()}"), LATCHKEY_API_KEY=own)
    assert (down.returncode, down.stdout) == (7, "")


def test_workflow_is_valid(tmp_path: Path) -> None:
    """Actionlint finds no mistake."""
    (tmp_path / "deploy.yml").write_text(file_of(PAGE, WORKFLOW))
    command = [str(Path(sys.executable).with_name("actionlint")), "-shellcheck=", str(tmp_path / "deploy.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
