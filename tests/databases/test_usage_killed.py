"""Usage under SIGKILL: writers that are killed at any point, two at a time, count every request once."""

import json
import random
import subprocess
import sys
import time

import pytest

from tests.support.commands import MANAGE
from tests.support.server import RunningServer

pytestmark = pytest.mark.slow("starts many writers")

KEYS, ROUNDS, TIMES = 150, 6, 4
FILL = f"""
from console.demo_data.synthetic_keys import fill
fill(0, {KEYS})
"""
USE = f"""
from console.demo_data.synthetic_keys import synthetic_key_id
from ratelimit.limit import Limit
from ratelimit.limiter import default_limiter
for _ in range({TIMES}):
    for number in range({KEYS}):
        limit = Limit(1, 86_400) if number % 10 == 0 else None
        default_limiter().take(synthetic_key_id(number), limit, cost=1, epoch=1, slot=0)
"""
# Small batches, so that the end comes within one or between two. As a steward, it begins again with each pass.
WRITE = """
from apikeys.usage import batch_size
from apikeys.usage.rollup import UsageRollup
from ratelimit.limiter import default_limiter
batch_size.FIRST = batch_size.LEAST = batch_size.MOST = 7
print("ready", flush=True)
while True:
    UsageRollup(default_limiter().store).write_pending()
"""
SUMS = """
import json
from datetime import UTC, datetime
from django.db.models import Sum
from apikeys.models import APIKey, Usage, UsageStep, UsageTotal
from apikeys.usage.points import points_of
from apikeys.usage.rollup import UsageRollup
from ratelimit.limiter import default_limiter
UsageRollup(default_limiter().store).write_pending()
keys = list(APIKey.objects.filter(label__startswith="worker").values_list("pk", flat=True))
first, found = datetime(2000, 1, 1, tzinfo=UTC), {}
for step in UsageStep:
    points = [point for steps in points_of(keys, step, first).values() for point in steps]
    total = UsageTotal.objects.filter(step=step).aggregate(a=Sum("allowed"), t=Sum("throttled"), k=Sum("keys"))
    of_keys = [sum(point.allowed for point in points), sum(point.throttled for point in points)]
    found[step] = [of_keys, [total["a"], total["t"]], total["k"] == Usage.objects.filter(step=step).count()]
print(json.dumps(found))
"""


def shell(installation: RunningServer, program: str) -> str:
    return installation.manage("shell", "-v0", "-c", program).stdout


def writer(installation: RunningServer) -> "subprocess.Popen[bytes]":
    command = [sys.executable, MANAGE, "shell", "-v0", "-c", WRITE]
    return subprocess.Popen(command, env=installation.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def test_killed_writers_count_every_request_once(installation: RunningServer) -> None:
    shell(installation, FILL)
    chance = random.Random(20)
    for _ in range(ROUNDS):
        shell(installation, USE)
        writers = [writer(installation) for _ in range(2)]
        try:
            for one in writers:
                assert one.stdout is not None
                assert one.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.0, 0.15))
        finally:
            for one in writers:
                one.kill()
                one.communicate()
    found = json.loads(shell(installation, SUMS))
    throttled = KEYS // 10 * (ROUNDS * TIMES - 1)
    sums = [KEYS * ROUNDS * TIMES - throttled, throttled]
    assert found == {step: [sums, sums, True] for step in ("minute", "hour", "day")}
