"""The reference pages and the code name the same things, in both directions."""

import ast
import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import BaseCommand, get_commands, load_command_class
from django.urls import URLPattern, URLResolver, get_resolver

from api.base import KeyAPIView
from events.types import EventType
from health.guard_rails import BY_NAME, GUARD_RAILS, GuardRail
from latchkey import metric_names
from latchkey.problem_catalogue import CATALOGUE

PACKAGES = (
    *("latchkey", "httpserver", "ratelimit", "events", "apikeys", "health", "access", "backup", "api", "gateway"),
    *("console", "controlplane"),
)
READERS = ("text", "flag", "integer", "file_mode", "duration", "choice", "listed", "networks", "url", "limit_text")
LOG_METHODS = ("debug", "info", "warning", "error", "exception", "critical")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
COMMANDS = "docs/reference/manage-py.md"
PARTS_OF_A_GUARD_RAIL = ["What it means", "Why it matters", "How to fix it", "How to silence it"]


def page(name: str) -> str:
    return (settings.BASE_DIR / name).read_text(encoding="utf-8")


def section(name: str, heading: str) -> str:
    """What stands under a heading, up to the next of its rank or above."""
    rank = len(heading.split(" ")[0])
    _, _, rest = page(name).partition(f"\n{heading}\n")
    assert rest, f"{name} has no section {heading}"
    return re.split(rf"^#{{1,{rank}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each line of a table whose first cell is code."""
    lines = re.findall(r"^\| (`.*) \|$", text, flags=re.MULTILINE)
    return [re.split(r" \| ", line) for line in lines]


def first_cells(text: str) -> list[str]:
    return [row[0].strip("`") for row in rows(text)]


def syntax() -> Iterator[ast.AST]:
    """Every node of every module of ours."""
    for package in PACKAGES:
        for path in (settings.BASE_DIR / package).rglob("*.py"):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def literal(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def is_environ(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ" and ast.unparse(node.value) == "os"


def settings_in_code() -> set[str]:
    """The names that are read through `env.METHOD`, `os.environ[...]`, `os.environ.get` or `in os.environ`."""
    found: set[str | None] = set()
    for node in syntax():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            of_reader = node.func.attr in READERS and ast.unparse(node.func.value) in ("env", "self")
            if of_reader or (is_environ(node.func.value) and node.func.attr in ("get", "setdefault")):
                found.add(literal(node.args[0]))
        elif isinstance(node, ast.Subscript) and is_environ(node.value):
            found.add(literal(node.slice))
        elif isinstance(node, ast.Compare) and is_environ(node.comparators[0]):
            found.add(literal(node.left))
    return {name for name in found if name}


def test_settings() -> None:
    described = first_cells(section("docs/reference/configuration.md", "## Settings"))
    elsewhere = first_cells(section("docs/reference/configuration.md", "## Read elsewhere"))
    assert len(described) > 10
    assert sorted(described + elsewhere) == sorted(settings_in_code())


def test_example_of_an_environment_file() -> None:
    described = first_cells(section("docs/reference/configuration.md", "## Settings"))
    assert sorted(re.findall(r"^#([A-Z_]+)=", page(".env.example"), flags=re.MULTILINE)) == sorted(described)


def test_system_checks() -> None:
    pattern = rf"(?:{'|'.join(PACKAGES)})\.[EWIC]\d{{3}}"
    in_code = {name for node in syntax() if (name := literal(node)) and re.fullmatch(pattern, name)}
    cells = first_cells(section("docs/reference/configuration.md", "## What refuses to start"))
    of_integrations = {name for name in in_code if name.startswith("latchkey.")}
    assert sorted(cells) == sorted(in_code - of_integrations)
    assert all(f"`{name}`" in page("docs/reference/integrations.md") for name in of_integrations)
    assert cells
    assert of_integrations


def our_commands() -> dict[str, BaseCommand]:
    return {name: load_command_class(app, name) for name, app in get_commands().items() if app in PACKAGES}


def options(command: BaseCommand) -> set[str]:
    """The long options that a command has beyond those of every command."""
    everywhere = BaseCommand().create_parser("manage.py", "any")._actions
    common = {option for action in everywhere for option in action.option_strings}
    own = command.create_parser("manage.py", "any")._actions
    return {option for action in own for option in action.option_strings} - common


def test_commands() -> None:
    described = re.findall(r"^## `(\w+)`$", page(COMMANDS), flags=re.MULTILINE)
    assert sorted(described) == sorted(our_commands())


def test_options_of_commands() -> None:
    whole = page(COMMANDS)
    for name, command in our_commands().items():
        described = set(re.findall(r"--[a-z][a-z-]*", section(COMMANDS, f"## `{name}`")))
        assert described - {"--format"} <= options(command), name
        assert all(option in whole for option in options(command)), name


def test_make_targets() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", page("Makefile"), flags=re.MULTILINE)
    described = [cell for cell in first_cells(section("CONTRIBUTING.md", "## `make`")) if cell.startswith("make ")]
    assert sorted(described) == sorted(f"make {target}" for target in targets)


def test_problems() -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(page("docs/reference/problems.md")) if row[1].isdigit()}
    assert listed == {slug: str(problem.status) for slug, problem in CATALOGUE.items()}
    explained = re.findall(
        r"^### `([a-z-]+)`$", section("docs/reference/problems.md", "## What to do"), flags=re.MULTILINE
    )
    assert explained == list(listed)


def test_metrics() -> None:
    names = [value for name, value in vars(metric_names).items() if name.isupper()]
    assert sorted(first_cells(page("docs/reference/metrics.md"))) == sorted(names)


def test_log_events() -> None:
    in_code = set()
    for node in syntax():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOG_METHODS:
            in_code.add(literal(node.args[0]) if ast.unparse(node.func.value) == "log" else None)
    described = first_cells(page("docs/reference/logs.md"))
    assert sorted([*described, "request"]) == sorted(name for name in in_code if name)


def calls(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[tuple[str, str]]:
    """Every REST call that needs a key, and its scope as the docs write it."""
    for pattern in patterns:
        path = prefix + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from calls(pattern.url_patterns, path)
            continue
        view = getattr(pattern.callback, "view_class", None)
        if view is not None and issubclass(view, KeyAPIView):
            for method in METHODS:
                if hasattr(view, method.lower()):
                    yield f"{method} {path}", view.scopes.get(method, "none")


def test_calls_and_their_scopes() -> None:
    described = {}
    for row in rows(section("docs/reference/keys.md", "## Scopes")):
        scope = re.match(r"`([^`]+)`|none", row[1])
        assert scope, row
        described[row[0].strip("`")] = scope.group(1) or "none"
    assert described == dict(calls(get_resolver().url_patterns))


def test_event_types() -> None:
    assert sorted(first_cells(section("docs/reference/events.md", "## Types"))) == sorted(EventType)


def test_event_types_have_examples() -> None:
    """Each line of an example begins with the types that it is for, the data on the same line or below."""
    _, _, examples = section("docs/reference/events.md", "## Types").partition("```\n")
    heads = re.findall(r"^(\w[\w, ]*?)(?:  |$)", examples.partition("```")[0], flags=re.MULTILINE)
    shown = {name for head in heads for name in head.split(", ")}
    assert shown == set(EventType)


def test_guard_rails_have_pages() -> None:
    pages = {path.stem for path in (settings.BASE_DIR / "docs" / "guard-rails").glob("*.md")}
    assert pages == set(BY_NAME)


@pytest.mark.parametrize("rail", GUARD_RAILS, ids=lambda rail: rail.name)
def test_page_of_a_guard_rail(rail: GuardRail) -> None:
    text = page(f"docs/guard-rails/{rail.name}.md")
    health = "Health is degraded while it lasts." if rail.severity.degrades else "Health is not degraded."
    assert text.startswith(f"# {rail.name}\n\nSeverity: {rail.severity}. {health}\n\n")
    assert re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE) == [rail.name, *PARTS_OF_A_GUARD_RAIL]
    assert f"manage.py grant_waiver {rail.name} " in text
    assert f'"guard_rail": "{rail.name}"' in text


def test_overview_of_guard_rails() -> None:
    """The table has the name, severity and evaluation times of each guard rail, in the order of the code."""
    table = re.findall(
        r"^\| \[(\w+)\]\(\.\./guard-rails/(\w+)\.md\) \| (\w+) \| .* \| (.*) \|$",
        section("docs/reference/guard-rails.md", "## All of them"),
        flags=re.MULTILINE,
    )
    assert [(name, target, severity) for name, target, severity, _ in table] == [
        (rail.name, rail.name, rail.severity) for rail in GUARD_RAILS
    ]
    for name, _, _, judged in table:
        assert ("turn" in judged) is BY_NAME[name].every_run, name
        assert ("minute" in judged) is not BY_NAME[name].every_run, name
