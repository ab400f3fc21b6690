"""Servers under measurement, started and always stopped; and the environment of the peers, .venv-bench."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from benchmarks.measurement import ROOT, CouldNotMeasure

REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
PEER_SETTINGS: Final = {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "benchmarks.drf_settings"}
_PEERS: Final = ROOT / ".venv-bench"
_START_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 15.0
_PR_SET_PDEATHSIG: Final = 1


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command, with its output in `log`, for as long as the context lasts.

    It has its own session: Ctrl-C reaches this process alone, which then stops it.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has one thread
        )
        try:
            yield process
        except CouldNotMeasure as failure:
            last = log.read_text(errors="replace").splitlines()[-15:]
            raise CouldNotMeasure("\n".join([str(failure), "The server's last lines:", *last])) from failure
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_until_ready(port: int) -> None:
    """Return once a server responds, with any status. Raises CouldNotMeasure if it does not in time."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), closing(HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)) as connection:
            connection.request("GET", "/")
            connection.getresponse()
            return
        time.sleep(_POLL_SECONDS)
    raise CouldNotMeasure(f"No server responded within {_START_SECONDS:g} s.")


def program(name: str) -> str:
    """Return the path of a program of .ci/packages. Raises CouldNotMeasure if it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise CouldNotMeasure(f"{name} is not installed. Run `make packages`.")
    return found


def peer_python() -> str:
    """Return the Python of the peers' environment, which is created if what it should contain has changed."""
    python, installed = _PEERS / "bin" / "python", _PEERS / "installed"
    wanted = f"# {sys.version}\n{REQUIREMENTS.read_text(encoding='utf-8')}"
    if not installed.is_file() or installed.read_text(encoding="utf-8") != wanted:
        print(f"Creating {_PEERS.name} with what {REQUIREMENTS.relative_to(ROOT)} pins", file=sys.stderr)
        install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
        for command in ([sys.executable, "-m", "venv", "--clear", str(_PEERS)], install):
            # Standard output is the report's.
            if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
                raise CouldNotMeasure(f"{_PEERS.name} could not be created; see above.")
        installed.write_text(wanted, encoding="utf-8")
    return str(python)


def output_of(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what a command prints. Raises CouldNotMeasure if it fails."""
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False)
    if done.returncode:
        raise CouldNotMeasure(f"{' '.join(command[1:4])} failed: {done.stderr[-2000:]}")
    return done.stdout


def _end_with_parent() -> None:
    """Linux: a benchmark that is killed leaves no server behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
