"""Processes that have loaded Latchkey with one environment, each forked for every command of that environment.

Loading takes most of a short command's time, and the commands of one test have one environment as a rule. What is forked
is at the point that `manage.py` reaches after `django.setup()`: no connection, no thread, no command.
"""

import atexit
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

_KEPT: Final = 4
Run = Callable[[Sequence[str], str, str], None]


class Loaded:
    """One such process. It ends with this object."""

    def __init__(self, context: ForkServerContext, environment: Mapping[str, str], run: Run) -> None:
        self._commands, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(dict(environment), theirs, run))
        self._process.start()
        theirs.close()
        self._turn = threading.Lock()

    def run(self, program: Sequence[str], out: str, err: str, seconds: float) -> int | None:
        """Return the exit status of a program that writes to the files `out` and `err`. None if another runs now, or
        this environment cannot be loaded. Raises TimeoutError after `seconds`.
        """
        if not self._turn.acquire(blocking=False):
            return None
        try:
            self._commands.send((list(program), out, err))
            pid: int = self._commands.recv()
            if not self._commands.poll(seconds):
                os.kill(pid, 9)
                raise TimeoutError
            status: int = self._commands.recv()
        except (EOFError, ConnectionError):
            return None
        finally:
            self._turn.release()
        return status

    def end(self) -> None:
        """Let the process end, and wait for it."""
        with self._turn:
            self._commands.close()
            self._process.join()
            self._process.close()


class LoadedProcesses:
    """The ones that were used last."""

    def __init__(self, context: ForkServerContext, run: Run) -> None:
        self._context = context
        self._run = run
        self._kept: OrderedDict[frozenset[tuple[str, str]], Loaded] = OrderedDict()
        self._turn = threading.Lock()
        # Before multiprocessing waits for the end of what it has started, which wait for commands.
        atexit.register(self._end)

    def _end(self) -> None:
        while self._kept:
            self._kept.popitem()[1].end()

    def of(self, environment: Mapping[str, str]) -> Loaded | None:
        """Return the one of an environment. None if that reads settings from a file, which may change meanwhile."""
        if not {"DATA_DIR", "SECRET_KEY", "SECRET_PEPPERS"} <= set(environment):
            return None
        if (Path(environment["DATA_DIR"]) / "secrets.env").exists():
            return None
        name = frozenset(environment.items())
        with self._turn:
            if name not in self._kept:
                self._kept[name] = Loaded(self._context, environment, self._run)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)[1].end()
            self._kept.move_to_end(name)
            return self._kept[name]


def _serve(environment: dict[str, str], commands: Connection, run: Run) -> None:
    """Load Latchkey, and fork for each command until there are no more."""
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        descriptor = os.open(os.devnull, mode)
        os.dup2(descriptor, number)
        os.close(descriptor)
    enter(environment)
    os.umask(0o077)
    os.environ["DJANGO_SETTINGS_MODULE"] = "controlplane.settings"
    import django

    django.setup()
    if threading.active_count() > 1:
        raise RuntimeError("a thread was started while Latchkey was loaded: it would be missing in what is forked")
    while (command := _next(commands)) is not None:
        pid = os.fork()
        if pid == 0:
            commands.close()
            run(*command)
            return
        commands.send(pid)
        commands.send(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def enter(environment: Mapping[str, str]) -> None:
    """Take an environment, and the project's directory."""
    root = str(Path(__file__).parent.parent.parent)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(root)
    sys.path.insert(0, root)


def _next(commands: Connection) -> tuple[list[str], str, str] | None:
    try:
        command: tuple[list[str], str, str] = commands.recv()
    except EOFError:
        return None
    return command
