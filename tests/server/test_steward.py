"""Stewards killed at random under traffic: no count and no event is lost, repeated or out of order."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.events.webhooks.receiver import receiving
from tests.server.conftest import StartServer
from tests.support.commands import ROOT
from tests.support.parallel import fire
from tests.support.server import RunningServer, issue

pytestmark = pytest.mark.slow("kills a hundred stewards")

KILLS = 100  # or fewer, on a machine so slow that they would take longer than PATIENCE_SECONDS
PATIENCE_SECONDS = 20
LONGEST_LIFE_SECONDS = 0.5
# A nursery imports everything once and forks stewards, so that a life is short because it was ended, not begun.
NURSERY = """
import os, sys
import django
sys.path.insert(0, {root!r})
os.environ["DJANGO_SETTINGS_MODULE"] = "controlplane.settings"
django.setup()
from django.core.management import call_command
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        call_command("steward", *line.split())
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Nursery:
    """Begins one steward at a time, all under the name that the one before had."""

    def __init__(self, server: RunningServer) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY.format(root=str(ROOT))],
            env={**server.environment, "LATCHKEY_STEWARD": "the-same"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def begin(self, *arguments: str) -> int:
        """Starts a steward and returns its process id."""
        assert self._process.stdin
        self._process.stdin.write(" ".join(arguments) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def ended(self) -> int:
        """Waits for its end and returns its status."""
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _answer(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


class Traffic(threading.Thread):
    """Requests by two keys, one of them over its limit, and changes of a label, until `end` is called."""

    def __init__(self, server: RunningServer, root: httpx.Client) -> None:
        super().__init__()
        self._server = server
        self._root = root
        self._over = threading.Event()
        self.keys = [
            issue(server, "--label", "busy", "--burst", "100000", "--per-seconds", "1"),
            issue(server, "--label", "throttled", "--burst", "50", "--per-seconds", "86400"),
        ]
        self.answers = [Counter[int]() for _ in self.keys]

    def run(self) -> None:
        while not self._over.is_set():
            for key, answers in zip(self.keys, self.answers, strict=True):
                answers.update(fire(self._server.port, key["credential"], connections=2, requests=5))
            path = f"/v1/keys/{self.keys[0]['key_id']}"
            self._root.patch(path, json={"label": f"busy {time.monotonic_ns()}"}).raise_for_status()
            self._over.wait(0.1)  # every event has to be delivered in the end

    def end(self) -> None:
        self._over.set()
        self.join(60)


def test_killed_stewards_lose_no_counts(start_server: StartServer) -> None:
    server = start_server(workers=2, arguments=("--no-steward",), settings={"WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"})
    root = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")["credential"]
    with receiving() as receiver, httpx.Client(base_url=server.url, headers={"X-API-Key": root}, timeout=30) as client:
        webhook = client.post("/v1/webhooks", json={"url": receiver.url}).raise_for_status().json()
        traffic, nursery = Traffic(server, client), Nursery(server)
        traffic.start()
        longest = max(LONGEST_LIFE_SECONDS, 2 * _whole_life_seconds(nursery))
        kills = max(KILLS // 5, min(KILLS, round(PATIENCE_SECONDS / longest)))
        killed = [_kill_one(nursery, longest) for _ in range(kills)]
        traffic.end()
        delivered_meanwhile = len(receiver.deliveries)
        _finish(client, nursery, webhook["id"])
        nursery.close()

        assert killed == [signal.SIGKILL] * kills
        for key, answers in zip(traffic.keys, traffic.answers, strict=True):
            for step in ("minute", "hour", "day"):
                asked = {"step": step, "since": f"{datetime.now(UTC) - timedelta(hours=20):%Y-%m-%dT%H:%M:%SZ}"}
                rows = client.get(f"/v1/keys/{key['key_id']}/usage", params=asked).raise_for_status().json()
                written = (sum(row["allowed"] for row in rows), sum(row["throttled"] for row in rows))
                assert written == (answers[200], answers[429]), step
            assert set(answers) <= {200, 429}
        ids = receiver.event_ids
        assert ids == sorted(ids), "in order, repeats aside"
        head = client.get("/v1/events", params={"limit": 500, "after": max(ids)}).json()["items"]
        assert (head, sorted(set(ids))) == ([], list(range(min(ids), max(ids) + 1)))
        assert delivered_meanwhile > 0, "stewards lived long enough to deliver"
        server.manage("verify_event_log")


def _whole_life_seconds(nursery: Nursery) -> float:
    """What a steward needs here and now for one turn of its work."""
    began = time.monotonic()
    nursery.begin("--once")
    assert nursery.ended() == 0
    return time.monotonic() - began


def _kill_one(nursery: Nursery, longest_life_seconds: float) -> int:
    pid = nursery.begin()
    time.sleep(random.uniform(0, longest_life_seconds))  # the moment of its end is what is tried here
    os.kill(pid, signal.SIGKILL)
    return nursery.ended()


def _finish(client: httpx.Client, nursery: Nursery, webhook: str) -> None:
    """Lets stewards work unharmed until every event is delivered."""
    while True:
        nursery.begin("--once")
        assert nursery.ended() == 0
        if client.get(f"/v1/webhooks/{webhook}").json()["delivery"]["pending"] == 0:
            return
