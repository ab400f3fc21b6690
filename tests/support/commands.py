"""Commands in processes of their own that begin with third-party libraries loaded, which takes a third of the time.

Each is a new process, forked from one that has imported `tests.support.libraries` and nothing of Latchkey: it reads its
settings and loads Latchkey as `python manage.py` does. Tests of the start itself run `python` instead.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
MANAGE: Final = str(ROOT / "manage.py")
_SECONDS: Final = 120.0

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.libraries"])


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
        process = _processes.Process(target=_run, args=(list(program), dict(environment), str(out), str(err)))
        process.start()
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(program, _SECONDS)
        done = subprocess.CompletedProcess(program, process.exitcode, out.read_text(), err.read_text())
        process.close()
    if check:
        done.check_returncode()
    return done


def _run(program: list[str], environment: dict[str, str], out: str, err: str) -> None:
    """Take the place of `python PROGRAM` in a process that has just been forked."""
    os.environ.clear()
    os.environ.update(environment)
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        descriptor = os.open(path, mode | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    if program[0] == "-m":
        sys.argv = program[1:]
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = program
        runpy.run_path(program[0], run_name="__main__")
