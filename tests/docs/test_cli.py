"""The page about the remote CLI and the command say the same."""

import re
from typing import Any

import pytest
import typer

from latchkey.cli.app import app
from latchkey.cli.configuration import Profile
from latchkey.cli.exit_codes import OUTCOMES
from latchkey.cli.reference import page_with_reference
from tests.docs.test_reference import page, rows, section

PAGE = "docs/cli.md"


@pytest.fixture(scope="module")
def command() -> Any:
    return typer.main.get_command(app)


def test_reference_is_the_help() -> None:
    assert page_with_reference(page(PAGE)) == page(PAGE), "run: make cli-reference"


def test_settings(command: Any) -> None:
    listed = {
        row[0].strip("`"): row[1].strip("`") for row in rows(section(PAGE, "## Say which server, with which key"))
    }
    assert listed == {
        parameter.opts[0]: parameter.envvar for parameter in command.params if getattr(parameter, "envvar", None)
    }


def test_members_of_a_profile() -> None:
    listed = re.findall(r"^\| `[^|]+ \| `[^|]+ \| `(\w+)` \|", page(PAGE), flags=re.MULTILINE)
    assert sorted(listed) == sorted(Profile.__dataclass_fields__)


def test_exit_codes() -> None:
    listed = re.findall(r"^\| (\d+) \|", section(PAGE, "## Results"), flags=re.MULTILINE)
    assert [int(code) for code in listed] == list(OUTCOMES)


def test_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example compiles, and what it imports is there."""
    (program,) = re.findall(r"```python\n(.*?)```", page(PAGE), flags=re.DOTALL)
    imports = [line for line in program.splitlines() if line.startswith(("import ", "from "))]
    compile(program, PAGE, "exec")
    exec("\n".join(imports), {})
