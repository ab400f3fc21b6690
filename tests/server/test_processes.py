"""Process supervision: no process continues without its supervisor, and ended ones are restarted."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import StartServer
from tests.support.commands import MANAGE, ROOT
from tests.support.server import RunningServer
from tests.support.waiting import wait_until


def children(pid: int) -> list[int]:
    """The processes that `pid` has started and that live, but for those that examine a bucket file for a moment."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "ratelimit.bucket_file_check" not in line]


def wait_until_gone(pids: list[int]) -> None:
    """Returns when none of them lives."""
    wait_until(lambda: not any(lives(pid) for pid in pids), "the end of the processes", seconds=30)


def lives(pid: int) -> bool:
    """Whether the process runs; one that ended and was not yet asked for its status does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def family(server: RunningServer) -> tuple[list[int], list[int]]:
    """The supervisor's children (web server and steward, once that is started), and the workers."""
    assert server.process is not None
    while len(direct := children(server.process.pid)) < 2:
        assert server.process.poll() is None
        time.sleep(0.05)
    return direct, [worker for pid in direct for worker in children(pid)]


@pytest.mark.slow("runs several servers")
def test_killed_supervisor_leaves_no_process(start_server: StartServer) -> None:
    server = start_server(workers=2)
    direct, workers = family(server)
    assert (len(direct), len(workers)) == (2, 2)
    server.stop(signal.SIGKILL)
    wait_until_gone(direct + workers)


@pytest.mark.slow("runs several servers")
def test_killed_web_server_ends_all_processes(start_server: StartServer) -> None:
    server = start_server(workers=2)
    direct, workers = family(server)
    # The steward may have a child too while it starts.
    master = max(direct, key=lambda pid: len(children(pid)))
    os.kill(master, signal.SIGKILL)
    assert server.process is not None
    assert server.process.wait(30) == 128 + signal.SIGKILL
    wait_until_gone(direct + workers)
    server.start()


@pytest.mark.slow("runs several servers")
def test_killed_steward_is_restarted(start_server: StartServer) -> None:
    server = start_server(workers=1)
    direct, _ = family(server)
    (steward,) = [pid for pid in direct if not children(pid)]
    os.kill(steward, signal.SIGKILL)
    wait_until(lambda: '"steward_ended"' in server.log, "the steward's end in the log", seconds=30)
    assert steward not in family(server)[0]
    assert server.stop() == 0


@pytest.mark.slow("runs several servers")
def test_parallel_first_starts_create_one_key(tmp_path: Path, own_stores: None) -> None:
    server = RunningServer(tmp_path)
    command = [sys.executable, MANAGE, "first_start"]
    starts = [
        subprocess.Popen(
            command, env=server.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    printed = [start.communicate(timeout=60) for start in starts]
    assert [start.returncode for start in starts] == [0, 0], printed
    assert sum("First key" in out for out, _ in printed) == 1
    assert '"items": [\n' in server.manage("list_keys", "--format", "json").stdout


def test_first_start_file_has_the_secrets(tmp_path: Path, own_stores: None) -> None:
    server, file = RunningServer(tmp_path), tmp_path / "first-start.txt"
    told = server.manage("first_start", "--file", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = file.read_text()
    password, credential = (shown.split(word)[1].split()[0] for word in ("Password", "First key"))
    assert str(file) in told.stdout
    for secret in (password, credential, credential.partition(":")[2]):
        assert secret not in told.stdout + told.stderr
    assert server.manage("first_start", "--file", str(file)).stdout == ""
    assert file.read_text() == shown


def test_first_start_with_unwritable_file(tmp_path: Path, own_stores: None) -> None:
    server = RunningServer(tmp_path)
    refused = server.manage("first_start", "--file", str(tmp_path / "none" / "file"), check=False)
    assert refused.returncode == 2
    assert "--file" in refused.stderr
    assert "First key" in server.manage("first_start").stdout
    (key,) = json.loads(server.manage("list_keys", "--format", "json").stdout)["items"]
    assert key["expires_at"] is not None, "a new installation would begin with an incident"


@pytest.mark.slow("runs several servers")
def test_ready_message_is_true(tmp_path: Path, own_stores: None) -> None:
    server = RunningServer(tmp_path, workers=2)
    server.migrate()
    command = [sys.executable, MANAGE, "serve", "--bind", f"127.0.0.1:{server.port}", "--workers", "2"]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=server.environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: " serves on http://" in server.log, "the line", seconds=30)
        assert httpx.get(f"{server.url}/health", timeout=10).status_code == 200
        assert server.log.count(" serves on http://") == 1
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("log_line", ["", "Created SECRET_KEY", "Created for this new installation"])
def test_stop_during_start(tmp_path: Path, own_stores: None, log_line: str) -> None:
    """As the first process of a container gets it: a signal that it does not handle yet waits, and is not lost."""
    server = RunningServer(tmp_path)
    command = [sys.executable, "-m", "controlplane.bootstrap", "--serve", "--first-start", "--workers", "1"]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=server.environment, cwd=ROOT, stdout=log, stderr=log)
    blocked = False
    while not blocked or (log_line and log_line not in server.log):
        assert process.poll() is None
        status = Path(f"/proc/{process.pid}/status").read_text()
        masks = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigBlk", "SigCgt"))]
        blocked = any(mask >> (signal.SIGTERM - 1) & 1 for mask in masks)
    process.terminate()
    assert process.wait(20) == 0
    assert "Traceback" not in server.log


STOPPED_WHERE_EXCEPTIONS_ARE_LOST = """
import os, signal, sys
from controlplane.processes.children import exit_on_stop_signal

class Finalised:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(100))  # the handler runs between two steps of Python

exit_on_stop_signal()
try:
    Finalised()
finally:
    os._exit(3)
"""


def test_stop_signal_in_finalizer() -> None:
    script = STOPPED_WHERE_EXCEPTIONS_ARE_LOST
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_orphans_are_reaped() -> None:
    script = (
        "import os, subprocess; from controlplane.processes.children import reap_orphans\n"
        "kept, gone = subprocess.Popen(['sleep', '60']), subprocess.Popen(['true'])\n"
        "os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)\n"
        "reap_orphans([kept.pid])\n"
        "print(os.path.exists(f'/proc/{gone.pid}'), os.path.exists(f'/proc/{kept.pid}'))\n"
        "kept.kill()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.slow("runs several servers")
def test_bind_sets_default_public_url(start_server: StartServer) -> None:
    server = start_server(workers=1, settings={"PORT": ""})
    problem = httpx.get(f"{server.url}/v1/whoami").json()
    assert problem["type"] == f"http://localhost:{server.port}/problems/missing-credential"
