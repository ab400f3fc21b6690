"""Commands in processes of their own, each forked from one that has loaded Latchkey already (see `preloaded`). Tests of
the start itself run `python` instead.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
MANAGE: Final = str(ROOT / "manage.py")
_SECONDS: Final = 120.0

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.preloaded"])


def begin_loading() -> None:
    """Let the process that commands are forked from load Latchkey now, while this one does something else."""
    forkserver.ensure_running()


def manage(
    arguments: Sequence[str], environment: Mapping[str, str], *, check: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run one command of manage.py. With `check`, raise CalledProcessError if its exit status is not 0."""
    return run([MANAGE, *arguments], environment, check=check)


def run(
    program: Sequence[str], environment: Mapping[str, str], *, check: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run a script, or `-m MODULE`, with arguments, and return its exit status and what it wrote.

    Raise TimeoutExpired after two minutes, and CalledProcessError as `subprocess.run` does.
    """
    with tempfile.TemporaryDirectory(prefix="command-") as place:
        out, err = Path(place) / "out", Path(place) / "err"
        process = _processes.Process(target=_take_place, args=(dict(environment), list(program), str(out), str(err)))
        process.start()
        process.join(_SECONDS)
        status = process.exitcode
        if status is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(program, _SECONDS)
        process.close()
        done = subprocess.CompletedProcess(program, status, out.read_text(), err.read_text())
    if check:
        done.check_returncode()
    return done


class Begun:
    """A program that runs on, in a session of its own. It has what tests use of `subprocess.Popen`."""

    def __init__(self, program: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._process = _processes.Process(
            target=_take_place, args=(dict(environment), list(program), str(log), str(log)), kwargs={"leads": True}
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid: Final = self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, minus the number of the signal that ended it, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status. Raises TimeoutExpired after `timeout` seconds."""
        self._process.join(timeout)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process."""
        self.send_signal(signal.SIGKILL)


def _take_place(
    environment: dict[str, str], program: Sequence[str], out: str, err: str, *, leads: bool = False
) -> None:
    """Take the place of `python PROGRAM` in a process that has just been forked. `leads`: in a new session."""
    from tests.support import preloaded

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    if leads:
        os.setsid()
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        descriptor = os.open(path, mode | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    if not preloaded.fits():
        os.execv(sys.executable, [sys.executable, *program])
    if program[0] == "-m":
        sys.argv = list(program[1:])
        # It is loaded, and would be loaded a second time under the name __main__.
        sys.modules.pop(program[1], None)
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(program)
        runpy.run_path(program[0], run_name="__main__")
