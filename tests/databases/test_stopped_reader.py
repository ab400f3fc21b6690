"""A process that is stopped between its select and its store, while another one changes the key."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import MANAGE
from tests.support.server import RunningServer, issue
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow("starts processes")

# Reads the key, and stops itself after its rows were selected. The feed then speaks before or after it stores them.
READ = """
import json, os, signal
from apikeys.cache import key_cache

cache = key_cache.KeyCache()
cache.poller._start = lambda thread: None
assert cache.poller.run_once()
read = key_cache.read_records

def read_and_stop(key_ids):
    key_cache.read_records = read
    found = read(key_ids)
    os.kill(os.getpid(), signal.SIGSTOP)
    if {before_store}:
        assert cache.poller.run_once()
    return found

key_cache.read_records = read_and_stop
used = cache.load({key_id!r})
assert cache.poller.run_once()
cached = cache.cached({key_id!r})
print(json.dumps([used.enabled, cached and cached.enabled, cache.load({key_id!r}).enabled]))
"""
BY_HAND = "from apikeys.models import APIKey; APIKey.objects.update(enabled=False)"


def disable(installation: RunningServer, key_id: str, *, by_hand: bool) -> None:
    """Disables the key, as Latchkey does or by a change of its row, which is followed by `forget_records`."""
    if by_hand:
        installation.manage("shell", "-v0", "-c", BY_HAND)
        installation.manage("forget_records")
    else:
        service = f"from apikeys.config_service import *; ConfigService(Origin('system', 'r')).update({key_id!r}, "
        installation.manage("shell", "-v0", "-c", service + "{'enabled': False})")


def is_stopped(process: "subprocess.Popen[str]") -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("by_hand", [False, True], ids=["by Latchkey", "by hand"])
@pytest.mark.parametrize(("before_store", "expected"), [(True, [False, False, False]), (False, [True, None, False])])
def test_old_row_is_dropped(
    installation: RunningServer, before_store: bool, expected: list[bool | None], by_hand: bool
) -> None:
    """A record that was read before the event may be used once, by the request that was stopped with it; and it is not
    cached once the event is known.
    """
    key_id = issue(installation, "--label", "x")["key_id"]
    program = READ.format(key_id=key_id, before_store=before_store)
    reader = subprocess.Popen(
        [sys.executable, MANAGE, "shell", "-v0", "-c", program],
        env=installation.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: is_stopped(reader), "the stop", seconds=60)
        disable(installation, key_id, by_hand=by_hand)
        os.kill(reader.pid, signal.SIGCONT)
        out, _ = reader.communicate(timeout=60)
    finally:
        reader.kill()
        reader.wait()
    assert reader.returncode == 0
    assert json.loads(out) == expected
