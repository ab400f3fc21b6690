"""A client, and a server that answers it as told."""

from collections.abc import Iterator

import pytest

from latchkey import Client
from tests.latchkey.client.answering import CREDENTIAL
from tests.latchkey.stub import Answer, Stub, stub


@pytest.fixture
def answers() -> list[Answer]:
    """What the server answers, one after the other; then 500."""
    return []


@pytest.fixture
def server(answers: list[Answer]) -> Iterator[Stub]:
    with stub(lambda _: answers.pop(0) if answers else Answer(500, {}, b"")) as found:
        yield found


@pytest.fixture
def waits() -> list[float]:
    """What the client slept."""
    return []


@pytest.fixture
def client(server: Stub, waits: list[float]) -> Iterator[Client]:
    with Client(server.url, CREDENTIAL, sleep=waits.append) as client:
        yield client
