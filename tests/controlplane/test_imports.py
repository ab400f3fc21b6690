"""Imports run one way, as CONTRIBUTING.md lists them."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ALLOWED: dict[str, set[str]] = {
    "latchkey": set(),
    "ratelimit": {"latchkey"},
    "events": {"latchkey"},
    "apikeys": {"latchkey", "ratelimit", "events"},
    "gateway": {"latchkey", "ratelimit", "apikeys"},
    "health": {"latchkey", "ratelimit", "events", "apikeys"},
    "access": {"latchkey", "events", "apikeys"},
    "console": {"latchkey", "ratelimit", "events", "apikeys", "health", "access"},
    "controlplane": {"gateway", "latchkey", "ratelimit", "events", "apikeys", "health", "access", "console"},
}
FRAMEWORKS = {"django", "rest_framework", "drf_spectacular", "drf_problems", "prometheus_client", "structlog", "lmdb"}
PURE = ["ratelimit/bucket.py", "ratelimit/limit.py", "ratelimit/decision.py", "ratelimit/headers.py", "events/chain.py"]
LAYERS = [
    {
        "admin",
        "views",
        "urls",
        "authentication",
        "throttling",
        "permissions",
        "standing",
        "stream_offer",
        "parsers",
        "schema_fields",
        "schemas",
        "webhook_schemas",
        "management",
    },
    {
        "config_service",
        "change_events",
        "request_context",
        "gate",
        "address_limit",
        "directory",
        "key_record",
        "refresher",
        "database_silence",
        "watched_session",
        "epochs",
        "effectiveness",
        "idempotency",
        "rotation",
        "usage",
        "usage_marks",
        "usage_rows",
        "usage_report",
        "usage_series",
        "cursor",
        "pages",
        "lookup",
        "secret_lookup",
        "representation",
        "search",
        "census",
        "system_keys",
    },
    {
        "models",
        "validation",
        "errors",
        "peppers",
        "client_address",
        "database_outage",
        "read_only",
        "apps",
        "checks",
        "migrations",
    },
]


def imports(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(app: str) -> list[Path]:
    return sorted((ROOT / app).rglob("*.py"))


@pytest.mark.parametrize("app", ALLOWED)
def test_apps_import_only_what_lies_below(app: str) -> None:
    assert files(app)
    for path in files(app):
        ours = {name.partition(".")[0] for name in imports(path)} & set(ALLOWED)
        assert ours <= ALLOWED[app] | {app}, path


def test_every_package_of_ours_is_in_the_picture() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks", "gates"}
    assert packages == set(ALLOWED)


@pytest.mark.parametrize(
    ("part", "allowed"),
    [("", set()), ("client", {"httpx"}), ("cli", {"httpx", "rich", "typer"})],
    ids=["all", "client", "cli"],
)
def test_the_shared_package_needs_little(part: str, allowed: set[str]) -> None:
    """Server and client share the modules at its top, which need nothing that is installed."""
    modules = (ROOT / "latchkey" / part).rglob("*.py") if part else (ROOT / "latchkey").glob("*.py")
    for path in modules:
        needed = {name.partition(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"latchkey"}
        assert needed <= allowed, path


def test_the_shared_package_knows_no_framework() -> None:
    for path in files("latchkey"):
        assert not {name.partition(".")[0] for name in imports(path)} & FRAMEWORKS, path


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_stay_pure(name: str) -> None:
    assert not {module.partition(".")[0] for module in imports(ROOT / name)} & FRAMEWORKS


def test_within_apikeys_doors_import_services_and_services_import_models() -> None:
    level = {name: index for index, names in enumerate(LAYERS) for name in names}
    for path in files("apikeys"):
        name = path.relative_to(ROOT / "apikeys").parts[0].removesuffix(".py")
        if name == "__init__":
            continue
        for module in imports(path):
            parts = module.split(".")
            if parts[0] == "apikeys" and len(parts) > 1 and parts[1] in level:
                assert level[parts[1]] >= level[name], f"{path.name} imports {module}"
