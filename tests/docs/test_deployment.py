"""What docs/deployment.md tells to type can be typed."""

import re
import shlex
import subprocess
from pathlib import Path

import yaml
from django.core.management import get_commands

from controlplane.environment import MINIMUM_KEY_LENGTH
from latchkey import __version__
from latchkey.peppers import parse_peppers
from tests.server.running import ROOT

PAGE = (ROOT / "docs" / "deployment.md").read_text()
BLOCKS = re.findall(r"^ *```\n(.*?)^ *```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def block(beginning: str) -> str:
    found: str = next(text for text in BLOCKS if text.startswith(beginning))
    return found


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"deploy/[\w./-]+\w", PAGE))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_file_of_a_deployment_is_named() -> None:
    """One by one, or with its directory."""
    for directory in ("kubernetes", "systemd", "proxy"):
        for path in (ROOT / "deploy" / directory).iterdir():
            name = str(path.relative_to(ROOT))
            assert name in PAGE or f"-k {path.parent.relative_to(ROOT)}" in PAGE, name


def test_every_command_is_one() -> None:
    named = set(re.findall(r"(?:manage\.py|latchkey-manage) ([a-z][a-z_]+)", PAGE))
    assert {"backup", "restore", "changepassword"} <= named
    assert named <= set(get_commands())


def test_the_version_is_this_one() -> None:
    assert set(re.findall(r"latchkey:(\d[\w.]*)", PAGE)) == {__version__}
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert compose["services"]["latchkey"]["image"] == f"latchkey:{__version__}"


def test_the_container_is_run_with_few_rights() -> None:
    (run,) = re.findall(r"podman run --detach.*?latchkey:\d\S+", PAGE, flags=re.DOTALL)
    words = shlex.split(run.replace("\\\n", " "))
    assert words[words.index("--cap-drop") + 1] == "all"
    assert words[words.index("--security-opt") + 1] == "no-new-privileges"
    assert words[words.index("--publish") + 1].startswith("127.0.0.1:")
    assert "--read-only" in words
    assert [word for word in words if word.startswith("--volume")] == ["--volume"]


def test_secrets_for_compose_are_made(tmp_path: Path) -> None:
    """The block is run as it stands, up to the lines that need root and Docker."""
    script = block("umask 077\n").partition("chown ")[0]
    subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, check=True)
    lines = (tmp_path / "secrets" / "latchkey.env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines)
    assert len(values["SECRET_KEY"]) >= MINIMUM_KEY_LENGTH
    assert parse_peppers(values["SECRET_PEPPERS"]).current == "p1"
    password = (tmp_path / "secrets" / "postgresql").read_text().strip()
    assert values["DATABASE_URL"] == f"postgres://latchkey:{password}@postgresql:5432/latchkey"
    assert (tmp_path / "secrets" / "latchkey.env").stat().st_mode & 0o777 == 0o600


def test_secrets_for_systemd_are_made(tmp_path: Path) -> None:
    (script,) = re.findall(r"\(umask 077; (python3 .*?) > /etc", PAGE, flags=re.DOTALL)
    made = subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    values = dict(line.split("=", 1) for line in made.splitlines())
    assert len(values["SECRET_KEY"]) >= MINIMUM_KEY_LENGTH
    assert parse_peppers(values["SECRET_PEPPERS"]).current == "p1"
