"""Imports run one way: import-linter checks the contracts in pyproject.toml."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def test_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_contracts_cover_every_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks", "deploy"}
    assert packages == set(settings["root_packages"])


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports, wherever in it."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
    return {module.partition(".")[0] for module in modules}


# A contract can forbid packages, but not all except a few.
@pytest.mark.parametrize(
    ("part", "allowed"),
    [("", set()), ("client", {"httpx"}), ("cli", {"httpx", "rich", "typer"})],
    ids=["shared", "client", "cli"],
)
def test_latchkey_needs_few_packages(part: str, allowed: set[str]) -> None:
    modules = list((ROOT / "latchkey" / part).rglob("*.py") if part else (ROOT / "latchkey").glob("*.py"))
    assert modules
    for path in modules:
        assert imported(path) - set(sys.stdlib_module_names) - {"latchkey"} <= allowed, path
