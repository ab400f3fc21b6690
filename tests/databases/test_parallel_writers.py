"""Parallel writers: one event chain without gaps, and incidents that open and close alternately."""

import json
import subprocess
import sys
from itertools import groupby
from typing import Any

import pytest

from tests.support.commands import MANAGE
from tests.support.server import RunningServer, issue

pytestmark = pytest.mark.slow("runs several servers")

WRITERS, CHANGES = 4, 30
# Each starts on a line of input, changes the one key that all of them change, and one of its own.
WRITE = """
import sys
from apikeys.config_service import ConfigService
from events.origin import Origin

service = ConfigService(Origin("command:writer", "parallel"))
own = service.issue({{"label": "own"}}).key.key_id
print("ready", flush=True)
sys.stdin.readline()
for number in range({changes}):
    limit = None if number % 2 else {{"burst": 5, "per_seconds": 60}}
    for key_id in ({shared!r}, own):
        service.update(key_id, {{"rate_limit": limit}})
"""
READ = """
import json
from events.models import ChainHead, Event
from health.models import Incident
from apikeys.models import APIKey

print(json.dumps({
    "ids": list(Event.objects.order_by("id").values_list("id", flat=True)),
    "head": ChainHead.objects.get().last_id,
    "health_changes": [
        [event.id, event.data["component"], event.data["status"]]
        for event in Event.objects.filter(type="HealthChanged").order_by("id")
    ],
    "incidents": list(Incident.objects.order_by("opened_by").values_list("guard_rail", "opened_by", "closed_by")),
    "unlimited": sum(key.rate_limit is None for key in APIKey.objects.all()),
}))
"""


def test_four_processes_write_one_log(installation: RunningServer) -> None:
    shared = issue(installation, "--label", "shared", "--burst", "5", "--per-seconds", "60")["key_id"]
    program = WRITE.format(changes=CHANGES, shared=shared)
    command = [sys.executable, MANAGE, "shell", "-v0", "-c", program]
    writers = [
        subprocess.Popen(
            command, env=installation.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=120)
    assert [writer.returncode for writer in writers] == [0] * WRITERS

    assert json.loads(installation.manage("verify_event_log", "--format", "json").stdout)["holds"]
    found: dict[str, Any] = json.loads(installation.manage("shell", "-v0", "-c", READ).stdout)
    assert found["ids"] == list(range(1, found["head"] + 1))
    assert found["head"] > WRITERS * CHANGES
    assert_alternating(found)


def assert_alternating(found: dict[str, Any]) -> None:
    """Assert that each guard rail alternates between degraded and ok, and each closed incident is one such pair."""
    health_changes = sorted(found["health_changes"], key=lambda event: event[1])
    for rail, events in groupby(health_changes, key=lambda event: event[1]):
        ids = [event[0] for event in events]
        statuses = [status for _, component, status in found["health_changes"] if component == rail]
        assert statuses == [("degraded", "ok")[place % 2] for place in range(len(statuses))], rail
        incidents = [(opened, closed) for name, opened, closed in found["incidents"] if name == rail]
        assert [number for pair in incidents for number in pair if number is not None] == ids, rail
        assert all(closed is not None for _, closed in incidents[:-1]), rail
    (last,) = [status for _, component, status in found["health_changes"][::-1] if component == "unlimited_key"][:1]
    assert (last == "degraded") is (found["unlimited"] > 0)
