"""The module for Go as its users get it: what it contains, its own tests, and what is said about wrong settings."""

import re
import subprocess
from pathlib import Path
from typing import Final

from tests.clients.go import tools
from tests.clients.marks import OF_GO
from tests.latchkey.client.responses import json_response
from tests.latchkey.integrations.test_configuration import OWN
from tests.latchkey.integrations.test_no_verdict import CALLER
from tests.latchkey.stub import stub

pytestmark = list(OF_GO)
DOCS: Final = (tools.ROOT / "docs/reference/go.md").read_text()


def test_its_own_tests_pass() -> None:
    tools.run("go", "test", "-vet=off", "./...")


def test_vet_finds_nothing() -> None:
    tools.run("go", "vet", ".")


def test_it_is_formatted() -> None:
    assert tools.run("gofmt", "-l", tools.MODULE, tools.PROGRAMS) == ""


def test_it_depends_on_nothing() -> None:
    assert not (tools.MODULE / "go.sum").exists()
    assert "require" not in (tools.MODULE / "go.mod").read_text()
    imported = tools.run("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").split()
    assert imported == ["latchkey.example/latchkey"]


def test_it_has_the_license() -> None:
    assert (tools.MODULE / "LICENSE").read_text() == (tools.ROOT / "LICENSE").read_text()


def test_program_of_the_page(tmp_path: Path) -> None:
    (program,) = re.findall(r"```go\n(.*?)```", DOCS, flags=re.DOTALL)
    run = [str(tools.build_outside(program, tmp_path))]
    with stub(lambda _: json_response({"valid": False, "code": "REVOKED"})) as server:
        own = {"LATCHKEY_URL": server.url, "LATCHKEY_API_KEY": OWN.reveal(), "CREDENTIAL": CALLER.reveal()}
        said = subprocess.run(run, env=own, capture_output=True, text=True, check=True, timeout=60)
        assert (said.stdout, said.stderr) == ("false REVOKED\n", "")
    down = subprocess.run(run, env=own, capture_output=True, text=True, check=False, timeout=60)
    assert (down.returncode, down.stdout) == (1, "")
    assert "no verdict, so let nothing pass: latchkey: Nothing listens at localhost:" in down.stderr


def test_pages_name_the_oldest_go() -> None:
    pages = ("docs/reference/go.md", "docs/tutorials/protect-your-app.md", "clients/go/README.md")
    for page in pages:
        text = " ".join((tools.ROOT / page).read_text().split())
        assert set(re.findall(r"Go (\d\.\d+) or newer", text)) == {tools.minimum()}, page
