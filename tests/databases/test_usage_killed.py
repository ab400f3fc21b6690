"""Usage under SIGKILL: writers that are killed at any point, two at a time, count every request once."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence

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
# A worker: reserves, settles and cancels tokens of one quota, in no time, until it is killed.
SPEND = """
import random
from ratelimit.claim import Claim, QuotaUse, Term
from ratelimit.limiter import default_limiter
from ratelimit.reservation import NewReservation
from ratelimit.reservation_id import new_name
from ratelimit.unit_counters import claims_on_units
store, key, end = default_limiter().store, b"lk_spender00000", 4_000_000_000
store.seed_quotas([QuotaUse(b"k:lk_spender00000:tokens", 7, end, 0)])
def claims(cost):
    quota = Claim(b"k:lk_spender00000:tokens", 7, cost, True, (Term(end, None, 10**15, end),))
    return (quota, *claims_on_units(key, {"tokens": cost}))
print("ready", flush=True)
while True:
    name = new_name(key)
    store.take(key, None, claims=claims(random.randint(1, 1000)))
    store.reserve((key, None, 1, 0, 0, claims(800)), NewReservation(name, b"lk_service00000", 3600))
    if random.random() < 0.5:
        store.settle(name, b"lk_service00000", 1, claims(random.randint(0, 1600)))
    elif random.random() < 0.5:
        store.cancel(name, b"lk_service00000")
"""
SPENDER = """
from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from events.origin import Origin
key = ConfigService(Origin("command:test", "request-of-test")).issue({"label": "spender"}).key
APIKey.objects.filter(pk=key.pk).update(key_id="lk_spender00000")
"""
SPENT = """
import json
from django.db.models import F, Sum
from apikeys.models import UnitUsage, UsageStep
from apikeys.usage.rollup import UsageRollup
from ratelimit.limiter import default_limiter
UsageRollup(default_limiter().store).write_pending()
(use,) = default_limiter().quota_uses([b"k:lk_spender00000:tokens"])
used = {step: UnitUsage.objects.filter(step=step).aggregate(n=Sum(F("charged") - F("returned")))["n"] for step in UsageStep}
print(json.dumps([use.used, used, UnitUsage.objects.aggregate(n=Sum("returned"))["n"]]))
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


def start(installation: RunningServer, program: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, MANAGE, "shell", "-v0", "-c", program]
    return subprocess.Popen(command, env=installation.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def run_and_kill(installation: RunningServer, programs: Sequence[str], seconds: float) -> None:
    """Let programs run at the same time, and kill all of them so long after the last one is ready."""
    processes = [start(installation, program) for program in programs]
    try:
        for one in processes:
            assert one.stdout is not None
            assert one.stdout.readline() == b"ready\n"
        time.sleep(seconds)
    finally:
        for one in processes:
            one.kill()
            one.communicate()


def test_killed_writers_count_every_request_once(installation: RunningServer) -> None:
    shell(installation, FILL)
    chance = random.Random(20)
    for _ in range(ROUNDS):
        shell(installation, USE)
        run_and_kill(installation, (WRITE, WRITE), chance.uniform(0.0, 0.15))
    found = json.loads(shell(installation, SUMS))
    throttled = KEYS // 10 * (ROUNDS * TIMES - 1)
    sums = [KEYS * ROUNDS * TIMES - throttled, throttled]
    assert found == {step: [sums, sums, True] for step in ("minute", "hour", "day")}


def test_usage_by_unit_is_what_the_quota_counted_although_workers_and_writers_are_killed(
    installation: RunningServer,
) -> None:
    shell(installation, SPENDER)
    chance = random.Random(21)
    for _ in range(ROUNDS):
        run_and_kill(installation, (SPEND, SPEND, WRITE, WRITE), chance.uniform(0.1, 0.4))
    used, by_step, returned = json.loads(shell(installation, SPENT))
    assert returned > 0
    assert by_step == dict.fromkeys(("minute", "hour", "day"), used)
