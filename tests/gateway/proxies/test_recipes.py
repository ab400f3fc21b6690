"""The programs of docs/how-to/verify-from-code.md do what the page says, in each language that is here."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from latchkey.credentials import generate_secret
from tests.clients.go import tools as go_tools
from tests.gateway.proxies.conftest import SCOPE, Keys
from tests.support.commands import ROOT
from tests.support.ports import free_port

pytestmark = pytest.mark.slow("runs the programs of the docs")

PAGE = (ROOT / "docs" / "how-to" / "verify-from-code.md").read_text(encoding="utf-8")
PROGRAMS: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "python": ("recipe.py", lambda file: [sys.executable, str(file)]),
    "js": ("recipe.mjs", lambda file: ["node", str(file)]),
    "go": ("recipe.go", lambda file: ["go", "run", str(file)]),
    "sh": ("recipe.sh", lambda file: ["sh", str(file)]),
}
NEEDS = {"js": "node", "go": "go", "sh": "jq"}
LANGUAGES = [pytest.param(name, marks=[pytest.mark.needs(NEEDS[name])] if name in NEEDS else []) for name in PROGRAMS]


@pytest.mark.parametrize("language", LANGUAGES)
def test_recipe(language: str, keys: Keys, tmp_path: Path) -> None:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    name, command = PROGRAMS[language]
    (tmp_path / name).write_text(text)
    service = keys.new(label="service", scopes=["verify"])["credential"]

    of_go = go_tools.environment() if language == "go" else {}

    def ask(credential: str, url: str = keys.server.url) -> "subprocess.CompletedProcess[str]":
        given = {"LATCHKEY_URL": url, "LATCHKEY_API_KEY": service, "CREDENTIAL": credential}
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
        return subprocess.run(
            command(tmp_path / name),
            env={**kept, **of_go, **given},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    right = keys.new()
    passes = ask(right["credential"])
    assert (passes.returncode, passes.stdout) == (0, "VALID\n"), passes.stderr
    for credential, code in (
        (f"{right['key_id']}:{generate_secret()}", "INVALID"),
        ('"}, $(id) `id`', "INVALID"),
        (keys.new(scopes=["orders:write"])["credential"], "INSUFFICIENT_SCOPE"),
    ):
        refused = ask(credential)
        assert (refused.returncode, refused.stdout) == (1, f"{code}\n"), refused.stderr
    down = ask(right["credential"], f"http://127.0.0.1:{free_port()}")
    assert down.returncode != 0
    assert "VALID" not in down.stdout


def test_every_program_is_run() -> None:
    assert re.findall(r"^```(\w+)$", PAGE, flags=re.MULTILINE) == list(PROGRAMS)
    assert f'"{SCOPE}"' in PAGE
