"""What the guides to deploy, back up, upgrade and scale say to type can be typed."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from controlplane.environment import MINIMUM_KEY_LENGTH
from latchkey import __version__
from latchkey.peppers import parse_peppers
from tests.support.commands import ROOT

HOW_TO = ROOT / "docs" / "how-to"
DEPLOYMENT = (*sorted((HOW_TO / "deploy").glob("*.md")), HOW_TO / "back-up-and-restore.md", HOW_TO / "upgrade.md")
# All guides of a deployment together, as one text.
PAGE = "\n".join(path.read_text() for path in DEPLOYMENT)
PAGES = {"deployment": PAGE, "scaling": (HOW_TO / "scale-to-several-nodes.md").read_text()}
BLOCKS = re.findall(r"^ *```\n(.*?)^ *```$", PAGE, flags=re.MULTILINE | re.DOTALL)
COMPOSE = ("compose.yaml", "compose.single.yaml")


def services(file: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / file).read_text())["services"]
    return found


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_is_named_is_there(name: str) -> None:
    """But for the guides under how-to/deploy/, which are links."""
    named = set(re.findall(r"deploy/[\w./-]+\w|compose[\w.]*\.yaml", re.sub(r"\]\([^)]*\)", "", PAGES[name])))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_file_of_a_deployment_is_named() -> None:
    """One by one, or with its directory."""
    for directory in ("kubernetes", "systemd", "proxy", "valkey"):
        for path in (ROOT / "deploy" / directory).rglob("*.*"):
            name, parent = (str(found.relative_to(ROOT)) for found in (path, path.parent))
            assert name in PAGE or f"-k {parent}\n" in PAGE or f"`{parent}`" in PAGE, name
    assert [file for file in COMPOSE if file not in PAGE] == []


@pytest.mark.parametrize(("name", "some"), [("deployment", {"backup", "restore", "first_start"}),
                                            ("scaling", {"dumpdata", "loaddata", "verify_event_log"})])  # fmt: skip
def test_every_command_is_one(name: str, some: set[str]) -> None:
    named = set(re.findall(r"(?:manage\.py|latchkey-manage) ([a-z][a-z_]+)", PAGES[name]))
    assert some <= named
    assert named <= set(get_commands())


def named_services(command: str) -> Iterator[str]:
    """The services in what follows `docker compose`: one if a command runs in it."""
    verb, *rest = command.split()
    words = iter(rest)
    for word in words:
        if word in ("--entrypoint", "--since"):
            next(words)
        elif not word.startswith("-"):
            yield word
            if verb in ("exec", "run"):
                return


def test_every_service_of_compose_is_one() -> None:
    """In each command of each page; and the table has them all."""
    text = "".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    commands = re.findall(r"docker compose (?:--file \S+ )?((?:exec|logs|restart|run|stop|start|up) [^\n`|>]+)", text)
    named = {name for command in commands for name in named_services(command)}
    assert {"web1", "web2", "steward", "latchkey", "migrate"} <= named
    assert named <= {name for file in COMPOSE for name in services(file)}
    for name in services("compose.yaml"):
        assert re.search(rf"^\| (`\w+`, )*`{name}`", PAGE, flags=re.MULTILINE), name


def test_logs_of_compose_are_lines_of_json() -> None:
    """Without the name of the container in front, which Compose adds by default."""
    text = "".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    commands = re.findall(r"docker compose logs [^\n`]+", text)
    assert commands
    assert [command for command in commands if "--no-log-prefix" not in command] == []


def test_the_version_is_this_one() -> None:
    assert set(re.findall(r"latchkey:(\d[\w.]*)", PAGE)) == {__version__}
    images = [given["image"] for file in COMPOSE for given in services(file).values()]
    assert {image for image in images if image.startswith("latchkey:")} == {f"latchkey:{__version__}"}


@pytest.mark.needs("prometheus")
def test_prometheus_finds_nodes_as_it_is_told(tmp_path: Path) -> None:
    (text,) = [found for found in BLOCKS if "dns_sd_configs" in found]
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "nodes.yml").read_text())
    (job,) = config["scrape_configs"]
    del job["static_configs"], config["rule_files"]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({**config, "scrape_configs": [job | yaml.safe_load(text)]}))
    (tmp_path / "latchkey.credential").touch()
    checked = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    service = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "many-nodes" / "nodes.yaml").read_text())
    ((entry,),) = yaml.safe_load(text).values()
    assert entry["names"] == [f"{service['metadata']['name']}.latchkey.svc"]
    assert entry["port"] == service["spec"]["ports"][0]["port"]


def test_the_container_is_run_with_few_rights() -> None:
    (run,) = re.findall(r"podman run --detach.*?latchkey:\d\S+", PAGE, flags=re.DOTALL)
    words = shlex.split(run.replace("\\\n", " "))
    assert words[words.index("--cap-drop") + 1] == "all"
    assert words[words.index("--security-opt") + 1] == "no-new-privileges"
    assert words[words.index("--publish") + 1].startswith("127.0.0.1:")
    assert "--read-only" in words
    assert [word for word in words if word.startswith("--volume")] == ["--volume"]


def made_secrets(directory: Path, nodes: str) -> dict[str, str]:
    """The settings that the block makes, which is run as it stands, up to the lines that need root and Docker."""
    (block,) = [
        text for text in BLOCKS if text.startswith("umask 077\n") and ("valkey" in text) is (nodes == "several")
    ]
    script = re.split(r"^(?:chown|cp) ", block, maxsplit=1, flags=re.MULTILINE)[0]
    subprocess.run(["sh", "-eu", "-c", script], cwd=directory, check=True)
    for path in (directory / "secrets").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=", 1) for line in (directory / "secrets" / "latchkey.env").read_text().splitlines())
    assert len(values["SECRET_KEY"]) >= MINIMUM_KEY_LENGTH
    assert parse_peppers(values["SECRET_PEPPERS"]).current == "p1"
    password = (directory / "secrets" / "postgresql").read_text().strip()
    assert values["DATABASE_URL"] == f"postgres://latchkey:{password}@postgresql:5432/latchkey"
    return values


def test_secrets_for_one_node_are_made(tmp_path: Path) -> None:
    assert "BUCKET_STORE_URL" not in made_secrets(tmp_path, "one")


def test_secrets_for_several_nodes_are_made(tmp_path: Path) -> None:
    """Each that compose.yaml names, and each for the user who reads it."""
    values = made_secrets(tmp_path, "several")
    (line,) = (tmp_path / "secrets" / "valkey.conf").read_text().splitlines()
    assert values["BUCKET_STORE_URL"] == f"redis://:{line.removeprefix('requirepass ')}@valkey:6379/0"
    named = yaml.safe_load((ROOT / "compose.yaml").read_text())["secrets"].values()
    files = {Path(secret["file"]).name for secret in named}
    assert files - {path.name for path in (tmp_path / "secrets").iterdir()} == {"fullchain.pem", "privkey.pem"}
    owners = {file: user for user, names in re.findall(r"chown (\d+) ([\w. ]+\w)", PAGE) for file in names.split()}
    for given in services("compose.yaml").values():
        for secret in given.get("secrets", ()):
            source = secret if isinstance(secret, str) else secret["source"]
            file = Path(yaml.safe_load((ROOT / "compose.yaml").read_text())["secrets"][source]["file"]).name
            assert owners[file] == given["user"].partition(":")[0], file


def test_secrets_for_systemd_are_made(tmp_path: Path) -> None:
    (script,) = re.findall(r"\(umask 077; (python3 .*?) > /etc", PAGE, flags=re.DOTALL)
    made = subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    values = dict(line.split("=", 1) for line in made.splitlines())
    assert len(values["SECRET_KEY"]) >= MINIMUM_KEY_LENGTH
    assert parse_peppers(values["SECRET_PEPPERS"]).current == "p1"
