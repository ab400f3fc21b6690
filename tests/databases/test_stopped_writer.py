"""A process that is stopped on its way to the record file, while another one follows the change of the key."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.databases.test_stopped_reader import disable, is_stopped
from tests.support.commands import MANAGE
from tests.support.server import RunningServer, issue
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow("starts processes")

BEGIN = """
import json, os, signal
from pathlib import Path
from apikeys.cache import key_cache
from apikeys.cache.shared.sealed_file import SealedFile
from apikeys.peppers import configured_peppers

cache = key_cache.KeyCache()
cache.poller._start = lambda thread: None
cache.share(Path({path!r}), configured_peppers())
assert cache.poller.run_once()
"""
STOP = """
def stop(call):
    def stopped(*arguments):
        setattr(*target, call)
        found = call(*arguments) if {after} else None
        os.kill(os.getpid(), signal.SIGSTOP)
        return found if {after} else call(*arguments)
    return stopped

target = {target}
setattr(*target, stop(getattr(*target)))
used = cache.load({key_id!r})
assert cache.poller.run_once()
print(json.dumps(used.enabled))
"""
FIND = """
found = cache.find_shared({key_id!r})
print(json.dumps(found.read.record.enabled if found is not None and cache.adopt(found) else None))
"""
STEPS = {
    "between select and store": ("(key_cache, 'read_records')", True),
    "with the writer's lock, before it writes": ("(SealedFile, 'write')", False),
    "with the writer's lock, after it wrote": ("(SealedFile, 'write')", True),
}


def found(installation: RunningServer, begin: str, key_id: str) -> Any:
    """What another process finds, once the feed has answered it."""
    return json.loads(installation.manage("shell", "-v0", "-c", begin + FIND.format(key_id=key_id)).stdout)


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Kills the process at the end, which may be stopped."""
    try:
        yield
    finally:
        process.kill()


@pytest.mark.parametrize("by_hand", [False, True], ids=["by Latchkey", "by hand"])
@pytest.mark.parametrize("step", STEPS)
def test_old_row_is_not_found(installation: RunningServer, tmp_path: Path, step: str, by_hand: bool) -> None:
    """The others neither wait for the stopped process, nor find afterwards what it had read before the change."""
    key_id = issue(installation, "--label", "x")["key_id"]
    begin = BEGIN.format(path=str(tmp_path / "records"))
    target, after = STEPS[step]
    program = begin + STOP.format(target=target, after=after, key_id=key_id)
    command = [sys.executable, MANAGE, "shell", "-v0", "-c", program]
    with (
        subprocess.Popen(command, env=installation.environment, stdout=subprocess.PIPE, text=True) as writer,
        ended(writer),
    ):
        wait_until(lambda: is_stopped(writer), "the stop", seconds=60)
        disable(installation, key_id, by_hand=by_hand)
        assert found(installation, begin, key_id) is None
        os.kill(writer.pid, signal.SIGCONT)
        out, _ = writer.communicate(timeout=60)
    assert writer.returncode == 0
    assert json.loads(out) is True, "the request that was under way"
    assert found(installation, begin, key_id) in (None, False)


def test_record_is_found_by_another_process(installation: RunningServer, tmp_path: Path) -> None:
    key_id = issue(installation, "--label", "x")["key_id"]
    begin = BEGIN.format(path=str(tmp_path / "records"))
    installation.manage("shell", "-v0", "-c", begin + f"cache.load({key_id!r})")
    assert found(installation, begin, key_id) is True
