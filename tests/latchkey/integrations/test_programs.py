"""What is particular to the integrations of Node.js and Go: nested middlewares, and apps over real connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from latchkey import headers
from latchkey.client.rate_limit import RateLimit
from tests.clients.go.apps import GO
from tests.clients.marks import OF_GO, OF_NODE
from tests.clients.node.apps import FRAMEWORKS, NODE, in_camel_case
from tests.latchkey.integrations.cases import key
from tests.latchkey.integrations.conftest import Keys

pytestmark = pytest.mark.storeless("what an integration makes of a verdict")
LIMIT = RateLimit(8, 36000)


PROGRAMS = [
    *(pytest.param((NODE, framework), marks=OF_NODE, id=framework) for framework in FRAMEWORKS),
    pytest.param((GO, "go"), marks=OF_GO, id="go"),
]


@pytest.fixture(scope="module", params=PROGRAMS)
def client(request: pytest.FixtureRequest, keys: Keys) -> Iterator[httpx.Client]:
    """Calls the service in one of the frameworks."""
    program, framework = request.param
    options = keys.options()
    with program.app(framework, in_camel_case(options) if program is NODE else options) as found:
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


@pytest.mark.slow("installs and builds the package of Node.js")
@pytest.mark.needs("node-packages")
def test_a_middleware_that_was_not_made_lets_nothing_pass(keys: Keys) -> None:
    port = NODE.send(start="express", options=in_camel_case(keys.options()))["port"]
    response = httpx.get(f"http://127.0.0.1:{port}/mistake", headers=key(keys.new().reveal()))
    NODE.send(stop=port)
    assert response.status_code == 418, "the app's own handler of errors"
