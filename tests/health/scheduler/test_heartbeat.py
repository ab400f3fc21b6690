"""Heartbeat: visible across a fork, and only while the work makes progress."""

import asyncio
import subprocess
import sys

from health.scheduler.heartbeat import HUNG_AFTER_SECONDS, Heartbeat
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


def count_beats(idle_seconds: float) -> int:
    """Return the beats before the first wait, if the last progress was `idle_seconds` ago."""
    heartbeat = Heartbeat()

    async def run() -> None:
        beating = asyncio.create_task(heartbeat.beat_forever(lambda: 0.0, lambda: idle_seconds))
        await asyncio.sleep(0)
        beating.cancel()

    asyncio.run(run())
    return heartbeat.beats()


def test_parent_sees_beats_of_forked_child() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_beats_while_work_makes_progress() -> None:
    assert count_beats(HUNG_AFTER_SECONDS - 1) == 1


def test_does_not_beat_if_work_hangs() -> None:
    assert count_beats(HUNG_AFTER_SECONDS) == 0
