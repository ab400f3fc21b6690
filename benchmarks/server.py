"""Servers that are measured: start them as child processes, and always stop them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from benchmarks.failure import CouldNotMeasure
from benchmarks.peer_environment import ROOT

_START_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 15.0
_PR_SET_PDEATHSIG: Final = 1


def wait_until_answering(port: int) -> None:
    """Wait until a request to that port gets a response of any status. Raise CouldNotMeasure after 30 seconds."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
        with suppress(OSError), closing(connection):
            connection.request("GET", "/")
            connection.getresponse()
            return
        time.sleep(_POLL_SECONDS)
    raise CouldNotMeasure(f"No server answered within {_START_SECONDS:g} s.")


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command while the context lasts, with its output in `log`; yield its process.

    Add the last lines of the log to a CouldNotMeasure that is raised in the context.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            # In a new session, Ctrl-C reaches only this process, which then stops the server.
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
        )
        try:
            yield process
        except CouldNotMeasure as failure:
            last = log.read_text(errors="replace").splitlines()[-15:]
            raise CouldNotMeasure("\n".join([str(failure), "The server's last lines:", *last])) from failure
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop the server gracefully, or kill it with all its children if that takes too long."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _die_with_parent() -> None:
    """Have the kernel terminate this process when its parent ends, on Linux only."""
    # Otherwise a benchmark that is killed would leave its servers running.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
