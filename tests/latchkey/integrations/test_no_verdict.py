"""What every integration does if Latchkey returns no verdict: closed by default, and never the caller's fault."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from latchkey import headers
from latchkey.client.rate_limit import RateLimit
from latchkey.credentials import SECRET_PREFIX, Credential, generate_key_id, generate_secret
from latchkey.problem_catalogue import CATALOGUE
from tests.latchkey.client.responses import json_response, problem_response
from tests.latchkey.integrations.apps import Options
from tests.latchkey.integrations.cases import key
from tests.latchkey.integrations.conftest import Keys
from tests.latchkey.integrations.everywhere import INTEGRATIONS, NAMES, ONE_OF_EACH
from tests.latchkey.stub import StubResponse, stub
from tests.support.ports import free_port
from tests.support.threaded_server import served

pytestmark = pytest.mark.storeless("what an integration does without a verdict")
CALLER: Final = Credential(generate_key_id(), generate_secret())


@contextmanager
def down(keys: Keys) -> Iterator[Options]:
    yield {"url": f"http://127.0.0.1:{free_port()}"}


@contextmanager
def slow(keys: Keys) -> Iterator[Options]:
    def never(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with served(never) as port:
        yield {"url": f"http://127.0.0.1:{port}", "timeout": 0.1}


def responding(response: StubResponse, path: str = "") -> Callable[[Keys], object]:
    """A server whose address is set with `path`."""

    @contextmanager
    def trouble(keys: Keys) -> Iterator[Options]:
        with stub(lambda _: response) as server:
            yield {"url": server.url + path}

    return trouble


@contextmanager
def wrong_own_key(keys: Keys) -> Iterator[Options]:
    yield {"api_key": keys.wrong().reveal()}


@contextmanager
def own_key_without_scope(keys: Keys) -> Iterator[Options]:
    yield {"api_key": keys.new().reveal()}


@contextmanager
def throttled_own_key(keys: Keys) -> Iterator[Options]:
    own = keys.new(scopes=["verify"], rate_limit=RateLimit(1, 1000))
    keys.client.with_credential(own).whoami()
    yield {"api_key": own.reveal()}


@dataclass(frozen=True)
class Trouble:
    """A reason for which there is no verdict, the words of the log that name it, and whether `fail_open` lets pass."""

    name: str
    begin: Callable[[Keys], object]
    logged: str
    is_outage: bool


ADDRESS: Final = "Check that LATCHKEY_URL is the address of a Latchkey server, and check the proxy in front of it."
OUTAGES: Final = [
    Trouble("down", down, "Nothing listens at", True),
    Trouble("slow", slow, "did not respond in time", True),
    Trouble("500", responding(problem_response(500, "internal-error")), "Why.", True),
    Trouble("503", responding(problem_response(503, "unavailable", retry_after="5")), "Why.", True),
    Trouble("502", responding(StubResponse(502, {"Content-Type": "text/html"}, b"x")), "cannot reach it", True),
    Trouble("500 of another server", responding(StubResponse(500, {"Content-Type": "text/html"}, b"x")), ADDRESS, True),
    Trouble("500 in JSON", responding(StubResponse(500, body=b"{}")), ADDRESS, True),
]
PATH: Final = "LATCHKEY_URL has the path /admin: leave it out, unless a proxy adds it."
MISCONFIGURATIONS: Final = [
    Trouble("wrong own key", wrong_own_key, "LATCHKEY_API_KEY (invalid-credential)", False),
    Trouble("own key without scope", own_key_without_scope, "LATCHKEY_API_KEY (insufficient-scope)", False),
    Trouble("throttled own key", throttled_own_key, "throttles the calls of this service", False),
    Trouble("another server", responding(StubResponse(200, {"Content-Type": "text/html"}, b"x")), ADDRESS, False),
    Trouble(
        "page of a path", responding(StubResponse(404, {"Content-Type": "text/html"}, b"x"), "/admin"), PATH, False
    ),
    Trouble("problem of a path", responding(problem_response(403, "forbidden"), "/admin"), f"Why. {PATH}", False),
    Trouble("redirect", responding(StubResponse(302, {"Location": "https://x.example/"})), "redirects to", False),
    Trouble(
        "404",
        responding(problem_response(404, "not-found", detail="a\nb")),
        "this service: a b Check LATCHKEY_URL",
        False,
    ),
    Trouble("new code", responding(json_response({"valid": False, "code": "NEW"})), "the code NEW", False),
]


@pytest.mark.parametrize("trouble", [*OUTAGES, *MISCONFIGURATIONS], ids=lambda trouble: trouble.name)
@pytest.mark.parametrize("integration", NAMES)
def test_closed_by_default(integration: str, trouble: Trouble, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    with trouble.begin(keys) as options, INTEGRATIONS[integration](keys.options(**options)) as call:  # type: ignore[attr-defined]
        caplog.clear()
        response = call("/orders", {**key(CALLER.reveal()), headers.REQUEST_ID: "an.id"})
    assert response.status_code == 503
    problem = response.json()
    assert problem["type"] == CATALOGUE["unavailable"].uri("https://keys.example")
    assert problem["request_id"] == response.headers[headers.REQUEST_ID] == "an.id"
    assert int(response.headers[headers.RETRY_AFTER]) >= 1
    assert f"Retry in {response.headers[headers.RETRY_AFTER]} second" in problem["detail"]
    assert "WWW-Authenticate" not in response.headers
    assert "LATCHKEY" not in response.text
    (line,) = logged(caplog)
    assert (line.levelno, line.exc_info) == (logging.ERROR, None)
    assert trouble.logged in line.getMessage()
    assert "request_id=an.id" in line.getMessage()
    assert SECRET_PREFIX not in caplog.text + response.text + str(response.headers)


@pytest.mark.parametrize("trouble", [*OUTAGES, *MISCONFIGURATIONS], ids=lambda trouble: trouble.name)
@pytest.mark.parametrize("integration", ONE_OF_EACH)
def test_fail_open(integration: str, trouble: Trouble, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    with (
        trouble.begin(keys) as options,  # type: ignore[attr-defined]
        INTEGRATIONS[integration](keys.options(fail_open=True, **options)) as call,
    ):
        caplog.clear()
        response = call("/orders", key(CALLER.reveal()))
    assert response.status_code == (200 if trouble.is_outage else 503)
    (line,) = logged(caplog)
    assert line.levelno == (logging.WARNING if trouble.is_outage else logging.ERROR)
    assert ("LATCHKEY_FAIL_OPEN" in line.getMessage()) is trouble.is_outage


@pytest.mark.parametrize("integration", NAMES)
def test_what_passes_unchecked_is_marked(integration: str, keys: Keys) -> None:
    options = keys.options(fail_open=True, url=f"http://127.0.0.1:{free_port()}")
    with INTEGRATIONS[integration](options) as call:
        response = call("/orders", key(CALLER.reveal()))
        assert response.status_code == 200, response.text
        unknown: dict[str, object] = {
            "key_id": None,
            "owner": None,
            "scopes": [],
            "label": None,
            "metadata": {},
            "verified": False,
        }
        assert response.json() == unknown
        assert headers.RATE_LIMIT not in response.headers
        assert call("/orders", {}).status_code == 401, "a request without a credential is denied without Latchkey"
        assert call("/orders", key("lk_x")).status_code == 401


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "latchkey.integrations"]
