"""A client, and a server that answers it as told."""

from collections.abc import Iterator

import pytest

from latchkey import Client
from tests.latchkey.client.responses import CREDENTIAL
from tests.latchkey.stub import Stub, StubResponse, stub


@pytest.fixture
def responses() -> list[StubResponse]:
    """What the server answers, one after the other; then 500."""
    return []


@pytest.fixture
def server(responses: list[StubResponse]) -> Iterator[Stub]:
    with stub(lambda _: responses.pop(0) if responses else StubResponse(500, {}, b"")) as found:
        yield found


@pytest.fixture
def sleeps() -> list[float]:
    """What the client slept."""
    return []


@pytest.fixture
def client(server: Stub, sleeps: list[float]) -> Iterator[Client]:
    with Client(server.url, CREDENTIAL, sleep=sleeps.append) as client:
        yield client
