"""A server under measurement: started on a free port, and always stopped."""

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
    """Returns once a request is answered there, however. Raises CouldNotMeasure where none is in time."""
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
    """Runs a command, with its output in `log`, for as long as the context lasts.

    It gets a session of its own: Ctrl-C reaches this process alone, which then stops it.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
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
    """Ends the server in order; where that takes too long, ends all of its session."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _die_with_parent() -> None:
    """Linux: a benchmark that is killed leaves no server behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
