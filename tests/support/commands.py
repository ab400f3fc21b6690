"""Commands in processes of their own, which begin with what takes longest done.

Each is a new process, forked from one that has loaded Latchkey with the same environment (see `loaded`), or else from one
that has imported `tests.support.libraries` alone. Tests of the start itself run `python` instead.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.support.loaded import LoadedProcesses, enter

ROOT: Final = Path(__file__).parent.parent.parent
MANAGE: Final = str(ROOT / "manage.py")
_SECONDS: Final = 120.0

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.libraries"])


def manage(
    arguments: Sequence[str], environment: Mapping[str, str], *, check: bool = False, once: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run one command of manage.py. With `check`, raise CalledProcessError if its exit status is not 0."""
    return run([MANAGE, *arguments], environment, check=check, once=once)


def run(
    program: Sequence[str], environment: Mapping[str, str], *, check: bool = False, once: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run a script, or `-m MODULE`, with arguments, and return its exit status and what it wrote. `once`: no other
    command has this environment, or it cannot be loaded.

    Raise TimeoutExpired after two minutes, and CalledProcessError as `subprocess.run` does.
    """
    with tempfile.TemporaryDirectory(prefix="command-") as place:
        out, err = Path(place) / "out", Path(place) / "err"
        loaded = None if once else _loaded.of(environment)
        try:
            status = loaded.run(program, str(out), str(err), _SECONDS) if loaded else None
            if status is None:
                status = _run_alone(program, environment, str(out), str(err))
        except TimeoutError:
            raise subprocess.TimeoutExpired(program, _SECONDS) from None
        done = subprocess.CompletedProcess(program, status, out.read_text(), err.read_text())
    if check:
        done.check_returncode()
    return done


def _run_alone(program: Sequence[str], environment: Mapping[str, str], out: str, err: str) -> int:
    """Run a program in a process that loads Latchkey itself. Raises TimeoutError."""
    process = _processes.Process(target=_run_in, args=(dict(environment), list(program), out, err))
    process.start()
    process.join(_SECONDS)
    status = process.exitcode
    if status is None:
        process.kill()
        process.join()
        raise TimeoutError
    process.close()
    return status


class Begun:
    """A program that runs on, in a process forked from one that has imported the libraries. It has what tests use of
    `subprocess.Popen`.
    """

    def __init__(self, program: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._process = _processes.Process(target=_begin, args=(dict(environment), list(program), str(log)))
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


def _begin(environment: dict[str, str], program: list[str], log: str) -> None:
    enter(environment)
    os.setsid()
    _run(program, log, log)


def _run_in(environment: dict[str, str], program: list[str], out: str, err: str) -> None:
    enter(environment)
    _run(program, out, err)


def _run(program: Sequence[str], out: str, err: str) -> None:
    """Take the place of `python PROGRAM` in a process that has just been forked."""
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        descriptor = os.open(path, mode | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    if program[0] == "-m":
        sys.argv = list(program[1:])
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(program)
        runpy.run_path(program[0], run_name="__main__")


_loaded: Final = LoadedProcesses(_processes, _run)
