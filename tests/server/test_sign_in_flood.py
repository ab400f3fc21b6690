"""Sign-ins with random names, each from an address of its own, so that no limit of an address stops them."""

import re
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import randrange

import httpx
import pytest

from tests.server.conftest import StartServer
from tests.support.server import RunningServer, issue

pytestmark = pytest.mark.slow("runs a server under a flood")

CONNECTIONS = 24
REQUESTS = 60


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> RunningServer:
    return start_server(workers=1, settings={"TRUSTED_PROXIES": "127.0.0.1"})


def sign_in(client: httpx.Client, form: dict[str, str]) -> int:
    address = ".".join(str(randrange(1, 255)) for _ in range(4))
    data = {**form, "username": f"nobody-{randrange(10**9)}", "password": "x"}
    return client.post("/admin/login/", data=data, headers={"X-Forwarded-For": address}).status_code


@contextmanager
def flood(server: RunningServer) -> Iterator[Counter[int]]:
    """The statuses of the sign-ins that are sent all the while, on connections that each wait for their response."""
    statuses: Counter[int] = Counter()
    ends = threading.Event()

    def attack() -> None:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)', client.get("/admin/login/").text)
            assert token
            while not ends.is_set():
                statuses[sign_in(client, {"csrfmiddlewaretoken": token[1]})] += 1
                ends.wait(0.05)

    threads = [threading.Thread(target=attack) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while not {200, 503} <= set(statuses) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield statuses
    ends.set()
    for thread in threads:
        thread.join()


def median_seconds(server: RunningServer, path: str, headers: dict[str, str]) -> float:
    taken = []
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        for _ in range(REQUESTS):
            began = time.perf_counter()
            assert client.get(path).is_success
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def test_nobody_with_a_key_waits_for_a_password(server: RunningServer) -> None:
    key = {"X-API-Key": issue(server, "--label", "known", "--burst", "10000", "--per-seconds", "1")["credential"]}
    paths = {"/health": {}, "/v1/check": key, "/v1/whoami": key}
    for path, headers in paths.items():
        assert httpx.get(server.url + path, headers=headers).is_success
    with httpx.Client(base_url=server.url) as client:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)', client.get("/admin/login/").text)
        assert token
        began = time.perf_counter()
        assert sign_in(client, {"csrfmiddlewaretoken": token[1]}) == 200
        one_sign_in = time.perf_counter() - began
    with flood(server) as statuses:
        taken = {path: median_seconds(server, path, headers) for path, headers in paths.items()}
    assert set(statuses) == {200, 503}, "some were hashed, and others were more than may wait"
    # Behind the flood each would wait for a whole queue of sign-ins.
    assert {path: seconds for path, seconds in taken.items() if seconds > one_sign_in} == {}
