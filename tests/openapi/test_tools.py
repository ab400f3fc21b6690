"""Tools that others use read the document, and find that the server does what it says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.openapi_page import document as built
from tests.openapi import tools
from tests.openapi.document import operations
from tests.support.server import RunningServer, issue

pytestmark = [pytest.mark.slow("runs generated clients against a server"), pytest.mark.needs("openapi-tools")]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[RunningServer]:
    limit = '{"burst": 1000000, "per_seconds": 1}'
    server = RunningServer(tmp_path_factory.mktemp("server"), workers=1, settings={"AUTH_FAILURE_LIMIT": limit})
    server.migrate()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def root(server: RunningServer) -> str:
    """The credential of a key that may do everything."""
    limit = ["--burst", "1000000", "--per-seconds", "1"]
    return str(issue(server, "--label", "root", "--scope", "*", *limit)["credential"])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document as a file."""
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(built()[0])
    return path


def test_linter_finds_nothing(file: Path) -> None:
    said = json.loads(tools.run("redocly", "lint", "--format=json", file))
    assert said["problems"] == []
    assert said["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


def test_python_client_makes_every_call(file: Path, server: RunningServer, root: str, tmp_path: Path) -> None:
    package = tmp_path / "latchkey_client"
    options: list[str | Path] = ["--meta", "none", "--fail-on-warning", "--output-path", package]
    tools.run("openapi-python-client", "generate", "--path", file, *options)
    made = tools.run("python", HERE / "calls.py", file, server.url, root, environment={"PYTHONPATH": str(tmp_path)})
    assert json.loads(made.splitlines()[-1]) == sorted(it.call["operationId"] for it in operations())


def test_typescript_client_makes_every_call(file: Path, server: RunningServer, root: str, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(tools.INSTALLED / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "calls.ts").write_text((HERE / "calls.ts").read_text())
    tools.run("openapi-typescript", file, "-o", "schema.d.ts", cwd=tmp_path)
    options = "--strict --skipLibCheck --target es2022 --module nodenext --moduleResolution nodenext --lib es2022,dom"
    tools.run("tsc", *options.split(), "calls.ts", cwd=tmp_path)
    made = json.loads(tools.run("node", "calls.js", server.url, root, cwd=tmp_path).splitlines()[-1])
    assert set(made) == {str(it) for it in operations()}


def test_schemathesis_finds_nothing(server: RunningServer, root: str, tmp_path: Path) -> None:
    config: list[str | Path] = [
        "st",
        "--config-file",
        HERE / "schemathesis.toml",
        "run",
        f"{server.url}/openapi.json",
        "--no-color",
    ]
    bounds = "--phases examples,coverage,fuzzing --max-examples 5 --seed 1 --generation-deterministic"
    said = tools.run(*config, *bounds.split(), environment={"LATCHKEY_API_KEY": root}, cwd=tmp_path)
    assert f"Tested: {len(operations())}" in said
