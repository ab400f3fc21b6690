"""The heartbeat is seen across a fork, and stands still where the work does."""

import asyncio
import subprocess
import sys

from health.scheduler.heartbeat import WORK_STANDS_AFTER_SECONDS, Heartbeat
from tests.support.commands import ROOT

FORK = """
import os
from health.scheduler.heartbeat import default_heartbeat
heartbeat = default_heartbeat()
child = os.fork()
if child == 0:
    default_heartbeat().beat()
    os._exit(0)
os.waitpid(child, 0)
print(heartbeat.beats())
"""


def beats_of_one_round(stands_for_seconds: float) -> int:
    """How often it beats at once, before it waits for the next second."""
    heartbeat = Heartbeat()

    async def run() -> None:
        keeping = asyncio.create_task(heartbeat.keep(lambda: 0.0, lambda: stands_for_seconds))
        await asyncio.sleep(0)
        keeping.cancel()

    asyncio.run(run())
    return heartbeat.beats()


def test_parent_sees_the_beats_of_the_process_that_it_forked() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_heart_beats_while_the_work_goes_on() -> None:
    assert beats_of_one_round(WORK_STANDS_AFTER_SECONDS - 1) == 1


def test_heart_stands_still_where_the_work_stands_still() -> None:
    assert beats_of_one_round(WORK_STANDS_AFTER_SECONDS) == 0
