"""What is particular to the integrations of Node.js and Go: nested middlewares, apps over real connections, settings."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest

from latchkey import headers
from latchkey.client.rate_limit import RateLimit
from tests.clients.go import tools as go
from tests.clients.go.apps import GO
from tests.clients.marks import OF_GO, OF_NODE
from tests.clients.node import tools as node
from tests.clients.node.apps import FRAMEWORKS, NODE, in_camel_case
from tests.clients.program import Program, ProgramError, calls
from tests.latchkey.client.responses import problem_response
from tests.latchkey.integrations.apps import Options
from tests.latchkey.integrations.cases import key
from tests.latchkey.integrations.conftest import Keys
from tests.latchkey.integrations.test_configuration import OWN, PASSWORD, SET, WRONG
from tests.latchkey.integrations.test_no_verdict import CALLER
from tests.latchkey.stub import Request, StubResponse, stub

pytestmark = pytest.mark.storeless("what an integration makes of a verdict")
LIMIT = RateLimit(8, 36000)


@dataclass(frozen=True)
class Integration:
    """A framework whose app `program` serves, and where its settings are: `documented` finds them in `source`."""

    program: Program
    framework: str
    source: Path
    documented: str
    page: Path

    @property
    def marks(self) -> tuple[pytest.MarkDecorator, ...]:
        """What its tests need."""
        return OF_NODE if self.program is NODE else OF_GO

    def named(self, options: Options) -> Options:
        """The options, by their names in its language."""
        return in_camel_case(options) if self.program is NODE else options


_OF_NODE = (
    node.PACKAGE / "src/configuration.ts",
    r"/\*\* (LATCHKEY_\w+): [^\n]*\n *readonly (\w+)\?",
    node.ROOT / "docs/reference/node.md",
)
_OF_GO = (
    go.MODULE / "configuration.go",
    r"// (LATCHKEY_\w+): .*\n\t(\w+) ",
    go.ROOT / "docs/reference/go.md",
)
PROGRAMS = [
    pytest.param(integration, marks=integration.marks, id=integration.framework)
    for integration in (
        *(Integration(NODE, framework, *_OF_NODE) for framework in FRAMEWORKS),
        Integration(GO, "go", *_OF_GO),
    )
]
ONE_OF_EACH = [PROGRAMS[0], PROGRAMS[-1]]


@pytest.fixture(scope="module", params=PROGRAMS)
def client(request: pytest.FixtureRequest, keys: Keys) -> Iterator[httpx.Client]:
    """Calls the service in one of the frameworks."""
    integration: Integration = request.param
    with integration.program.app(integration.framework, integration.named(keys.options())) as found:
        yield found


def remaining(response: httpx.Response) -> tuple[int, list[str]]:
    return response.status_code, response.headers.get_list(headers.X_RATE_LIMIT_REMAINING)


def test_several_of_them_pay_the_highest_cost(client: httpx.Client, keys: Keys) -> None:
    sent = key(keys.new(scopes=["a:b"], rate_limit=LIMIT).reveal())
    assert remaining(client.get("/nested/cheap", headers=sent)) == (200, ["6"])
    sent = key(keys.new(scopes=["a:b"], rate_limit=LIMIT).reveal())
    assert remaining(client.get("/nested/costly", headers=sent)) == (200, ["1"])
    denied = client.get("/nested/costly", headers=sent)
    assert remaining(denied) == (429, ["1"])


def test_each_of_them_needs_its_scopes(client: httpx.Client, keys: Keys) -> None:
    sent = key(keys.new(rate_limit=LIMIT).reveal())
    denied = client.get("/nested/cheap?x", headers=sent)
    assert remaining(denied) == (403, ["6"])
    problem = denied.json()
    assert (problem["detail"], problem["instance"]) == ("This call needs the scope a:b.", "/nested/cheap")
    assert client.get("/nested/cheap").status_code == 401


def test_a_field_that_was_sent_twice_has_two_values(client: httpx.Client, keys: Keys) -> None:
    one, other = (("Authorization", f"Bearer {keys.new().reveal()}") for _ in range(2))
    assert client.get("/orders", headers=[one, one]).status_code == 200
    assert client.get("/orders", headers=[one, other]).status_code == 400


def test_a_denied_head_has_no_body(client: httpx.Client) -> None:
    response = client.head("/orders")
    assert (response.status_code, response.content) == (401, b"")


def test_secrets_in_a_path_are_removed(client: httpx.Client, keys: Keys) -> None:
    caller = keys.new()
    problem = client.get(f"/nested/%6Cks_{caller.secret[4:]}/%C3%A9").json()
    assert problem["instance"] == "/nested/lks_[redacted]/é"


def test_requests_at_the_same_time_are_kept_apart(client: httpx.Client, keys: Keys) -> None:
    sent = [key(keys.new(owner=f"shop {number}").reveal()) for number in range(4)] * 3
    with ThreadPoolExecutor(len(sent)) as threads:
        found = list(threads.map(lambda fields: client.get("/orders", headers=fields).json()["owner"], sent))
    assert found == [f"shop {number}" for number in range(4)] * 3


@pytest.mark.parametrize("integration", PROGRAMS)
def test_no_secret_is_logged(integration: Integration, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(request: Request) -> StubResponse:
        return problem_response(401, "invalid-credential", detail=f"Not {request.fields['x-api-key']}.")

    with stub(refuse) as server:
        options = integration.named({"api_key": OWN.reveal(), "url": server.url})
        with calls(integration.program, integration.framework, options) as call:
            response = call(f"/orders?{CALLER.reveal()}", key(CALLER.reveal()))
    assert response.status_code == 503
    assert OWN.secret not in response.text + caplog.text
    assert CALLER.secret not in response.text + caplog.text
    assert "Not " + OWN.key_id in caplog.text


@pytest.mark.parametrize(("name", "value", "message"), WRONG, ids=count())
@pytest.mark.parametrize("integration", ONE_OF_EACH)
def test_a_wrong_setting_is_named(integration: Integration, name: str, value: str, message: str) -> None:
    with pytest.raises(ProgramError, match=f"ConfigurationError: {message}") as raised:
        integration.program.send(start=integration.framework, environment={**SET, name: value})
    assert OWN.secret not in str(raised.value)
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("integration", ONE_OF_EACH)
def test_page_lists_the_settings(integration: Integration) -> None:
    documented = re.findall(integration.documented, integration.source.read_text())
    listed = re.findall(r"^\| `(LATCHKEY_\w+)` \| `(\w+)` \|", integration.page.read_text(), flags=re.MULTILINE)
    assert sorted(listed) == sorted(documented)
    assert len(listed) == 8


@pytest.mark.slow("installs and builds the package of Node.js")
@pytest.mark.needs("node-packages")
def test_a_middleware_that_was_not_made_lets_nothing_pass(keys: Keys) -> None:
    port = NODE.send(start="express", options=in_camel_case(keys.options()))["port"]
    response = httpx.get(f"http://127.0.0.1:{port}/mistake", headers=key(keys.new().reveal()))
    NODE.send(stop=port)
    assert response.status_code == 418, "the app's own handler of errors"
