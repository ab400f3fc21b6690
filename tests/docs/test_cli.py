"""The pages about the remote CLI and the Python client, and the command, say the same."""

import re
from typing import Any

import pytest
import typer

from latchkey import Client
from latchkey.cli.app import app
from latchkey.cli.configuration import Profile
from latchkey.cli.exit_codes import OUTCOMES
from latchkey.cli.reference import page_with_reference
from tests.docs.test_reference import page, rows, section
from tests.latchkey.client.responses import CREDENTIAL, json_response, problem_response
from tests.latchkey.stub import StubResponse, stub

REFERENCE = "docs/reference/cli.md"
GUIDE = "docs/how-to/use-the-cli.md"
CLIENT = "docs/reference/python-client.md"


@pytest.fixture(scope="module")
def command() -> Any:
    return typer.main.get_command(app)


def test_reference_is_the_help() -> None:
    assert page_with_reference(page(REFERENCE)) == page(REFERENCE), "run: make cli-reference"


def test_settings(command: Any) -> None:
    listed = {
        row[0].strip("`"): row[1].strip("`") for row in rows(section(GUIDE, "## Say which server, with which key"))
    }
    assert listed == {
        parameter.opts[0]: parameter.envvar for parameter in command.params if getattr(parameter, "envvar", None)
    }


def test_members_of_a_profile() -> None:
    listed = re.findall(r"^\| `[^|]+ \| `[^|]+ \| `(\w+)` \|", page(GUIDE), flags=re.MULTILINE)
    # No option names the keyring: `login` writes this field.
    assert 'keyring = "system"' in page(GUIDE)
    assert sorted([*listed, "keyring"]) == sorted(Profile.__dataclass_fields__)


def test_exit_codes() -> None:
    listed = re.findall(r"^\| (\d+) \|", section(REFERENCE, "## Exit codes"), flags=re.MULTILINE)
    assert [int(code) for code in listed] == list(OUTCOMES)


def test_programs() -> None:
    """The examples compile, and what they import is there."""
    programs = re.findall(r"```python\n(.*?)```", page(CLIENT), flags=re.DOTALL)
    assert len(programs) == 5
    for program in programs:
        imports = [line for line in program.splitlines() if line.startswith(("import ", "from "))]
        compile(program, CLIENT, "exec")
        exec("\n".join(imports), {})


def test_asynchronous_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", section(CLIENT, "### In asynchronous code"), flags=re.DOTALL)
    for name in ("LATCHKEY_API_KEY", "CREDENTIAL"):
        monkeypatch.setenv(name, CREDENTIAL.reveal())
    with stub(lambda _: verdict("VALID")) as server:
        exec(program.replace("https://keys.example.com", server.url), {})
    assert capsys.readouterr().out == f"{['VALID'] * 10}\n"


def test_service_that_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example settles what it reserved, and says what refused."""
    (program,) = re.findall(r"```python\n(.*?)```", section(CLIENT, "### Reserve and settle"), flags=re.DOTALL)
    monkeypatch.setenv("LATCHKEY_API_KEY", CREDENTIAL.reveal())
    scope: dict[str, Any] = {}
    exec(program, scope)
    made = {"reservation": "res_a", "valid": True, "code": "VALID", "expires_at": "2099-01-01T00:00:00Z"}
    limit = {"name": "budget", "unit": "tokens", "reserved": 800, "cost": 512, "charged": 0, "returned": 288}
    settled = {
        "reservation": "res_a",
        "settled_at": "2099-01-01T00:00:00Z",
        "limits": [{**limit, "forgiven": 0, "used": 512}],
    }
    refused = {"valid": False, "code": "RATE_LIMITED", "violated_policies": ["budget"]}
    answers = [json_response(made, 201), json_response(settled), json_response(refused)]
    with stub(lambda _: answers.pop(0)) as server:
        scope["latchkey"] = Client(server.url, CREDENTIAL)
        assert scope["answer"](CREDENTIAL.reveal()) == "budget: 512 used"
        assert scope["answer"](CREDENTIAL.reveal()) == "RATE_LIMITED: budget"


def test_service_that_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example answers each verdict, and what is no verdict, as the page says."""
    (program,) = re.findall(r"```python\n(.*?)```", section(CLIENT, "### Verify in a service"), flags=re.DOTALL)
    monkeypatch.setenv("LATCHKEY_API_KEY", CREDENTIAL.reveal())
    scope: dict[str, Any] = {}
    exec(program, scope)
    may_pass = scope["may_pass"]
    assert may_pass("hunter2")[0] == 401
    answers: list[StubResponse] = []
    with stub(lambda _: answers.pop(0)) as server:
        scope["latchkey"] = Client(server.url, CREDENTIAL)
        for answer, status in (
            (verdict("VALID", owner="payments"), (200, "Hello, payments.")),
            (verdict("RATE_LIMITED", retry_after=7), (429, "Retry in 7 seconds.")),
            (verdict("REVOKED"), (403, "REVOKED")),
            (problem_response(429, "quota-exceeded", retry_after="6"), (503, "Try again.")),
            (problem_response(503, "unavailable"), (503, "Try again.")),
        ):
            answers.append(answer)
            assert may_pass(CREDENTIAL.reveal()) == status


def verdict(code: str, **members: object) -> StubResponse:
    return json_response({"valid": code == "VALID", "code": code, **members})
