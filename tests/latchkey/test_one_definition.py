"""What server, client and command share is defined once, in latchkey/: the caller, credentials, problems, the request
id rule, redaction and detection of secrets, and the names of headers and metrics.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from latchkey import (
    auth_context,
    credential_headers,
    credentials,
    headers,
    metric_names,
    problem_catalogue,
    problems,
    redaction,
    request_id,
    secret_detection,
    trace_context,
)
from tests.support.commands import ROOT

SHARED = (
    auth_context, credential_headers, credentials, headers, metric_names, problem_catalogue, problems, redaction,
    request_id, secret_detection, trace_context,
)  # fmt: skip
HOMES = {str(module.__file__) for module in SHARED}
APPS = sorted(path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("tests", "benchmarks"))
FILES = [path for app in APPS for path in app.rglob("*.py") if "migrations" not in path.parts]
PATTERNS = ("lk_[0-9a-z]", "lks_[0-9A-Za-z", "[A-Za-z0-9._-]{1,128}", "bGtf", "whsec_[A-Za-z")
NAMES = {
    name
    for module in SHARED
    for name, value in vars(module).items()
    if getattr(value, "__module__", None) == module.__name__
}
TEXTS = {
    value
    for module in (headers, metric_names)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
} | {problems.MEDIA_TYPE, problem_catalogue.QUOTA_EXCEEDED_TYPE, credentials.SECRET_PREFIX}
SPELLED = TEXTS | {text.lower() for text in TEXTS if "-" in text}


def elsewhere() -> Iterator[tuple[Path, ast.AST]]:
    """Every node outside the modules that define these things."""
    for path in FILES:
        if str(path) not in HOMES:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                yield path, node


def test_the_modules_are_looked_at() -> None:
    assert {"AuthContext", "parse_credential", "problem_body", "ProblemType", "redact", "resolve_request_id"} <= NAMES
    assert {"X-API-Key", "X-Request-Id", "api_rate_limit_throttled_total", "application/problem+json"} <= TEXTS
    assert {"latchkey", "apikeys", "controlplane"} <= {app.name for app in APPS}


def test_classes_and_functions_are_defined_once() -> None:
    twice = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path, node in elsewhere()
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name in NAMES
    ]
    assert twice == []


def test_names_and_patterns_are_written_once() -> None:
    """A header's name also as ASGI has it, in lower case."""
    twice = [
        f"{path.relative_to(ROOT)}: {node.value}"
        for path, node in elsewhere()
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and (node.value.strip() in SPELLED or any(pattern in node.value for pattern in PATTERNS))
    ]
    assert twice == []


@pytest.mark.parametrize("app", ["apikeys", "controlplane", "events", "health", "ratelimit"])
def test_server_takes_them_from_latchkey(app: str) -> None:
    imported = {
        node.module
        for path in (ROOT / app).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert imported & {module.__name__ for module in SHARED}
