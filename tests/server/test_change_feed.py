"""The change feed of a running server: what only the event log or nothing at all reports, is found within seconds."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.server.conftest import StartServer
from tests.support.parallel import fire
from tests.support.server import RunningServer, issue
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow("waits for seconds to pass")

WITHIN_SECONDS = 2.0
# Command, workers and tests share a busy machine; tests/apikeys/cache/outage counts seconds exactly.
PATIENCE_SECONDS = 8.0

DISABLE = "from apikeys.models import APIKey; APIKey.objects.filter(label='x').update(enabled=False)"
# Takes off the triggers that protect the log, and lets it end before its last event, or have none.
UNDO = """
from importlib import import_module
from django.db import connection
from events.models import ChainHead, Event
with connection.cursor() as cursor:
    for statement in import_module("events.migrations.0002_append_only").UNDO[connection.vendor]:
        cursor.execute(statement)
last = Event.objects.latest("id")
"""
TRUNCATE = "Event.objects.all()._raw_delete('default')"
GO_BACK = """
Event.objects.filter(id=last.id)._raw_delete('default')
before = Event.objects.latest("id")
ChainHead.objects.update(last_id=before.id, digest=before.digest)
"""


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    return start_server(workers=2)


@pytest.fixture
def key(server: RunningServer) -> dict[str, Any]:
    """A key that every worker has cached."""
    issue(server, "--label", "first")
    issued = issue(server, "--label", "x", "--burst", "100000", "--per-seconds", "1")
    assert statuses(server, issued) == {204}
    time.sleep(1.5)  # the first answer of the feed drops what was read before it
    # The kernel deals connections out as it likes, and each worker has to know the key.
    assert [statuses(server, issued) for _ in range(5)] == [{204}] * 5
    return issued


def statuses(server: RunningServer, key: dict[str, Any]) -> set[int]:
    return set(fire(server.port, key["credential"], connections=16, requests=2, path="/v1/check"))


def shell(server: RunningServer, program: str) -> None:
    server.manage("shell", "-v0", "-c", program)


def forget(server: RunningServer) -> None:
    assert json.loads(server.manage("forget_records", "--format", "json").stdout)["event_id"]


CAUSES: dict[str, Callable[[RunningServer], None]] = {
    "forget_records": forget,
    "truncated": lambda server: shell(server, UNDO + TRUNCATE),
    "failed over": lambda server: shell(server, UNDO + GO_BACK),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_change_by_hand_applies_once_records_are_dropped(
    server: RunningServer, key: dict[str, Any], cause: str
) -> None:
    shell(server, DISABLE)
    time.sleep(WITHIN_SECONDS)
    assert statuses(server, key) == {204}, "nothing reports it, and no record is read again"
    CAUSES[cause](server)
    wait_until(lambda: statuses(server, key) == {401}, "the drop in each worker", PATIENCE_SECONDS)
    time.sleep(WITHIN_SECONDS)
    assert statuses(server, key) == {401}
    assert ("event_log_discontinued" in server.log) is (cause != "forget_records")
