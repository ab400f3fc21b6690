"""Child processes: forking, termination signals and reaping."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from typing import Final, NoReturn

from setproctitle import setproctitle

STOPPING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_PDEATHSIG: Final = 1
_FORK: Final = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Program:
    """Work for a process forked from this one, which has everything loaded, so that the fork starts fast.

    `ps` shows its `name`.
    """

    name: str
    run: Callable[[], object]
    environment: Mapping[str, str]

    def start(self) -> ForkProcess:
        """Fork the process, in its own session.

        This process must have a single thread, and no connection that the fork could use too.
        """
        process = _FORK.Process(target=self._work)
        # Race condition: a signal may arrive before the fork has replaced this process's handlers. It stays
        # blocked until then.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        return process

    def _work(self) -> None:
        # In its own session the process doesn't get Ctrl-C from the terminal. The parent stops its children in
        # order instead.
        os.setsid()
        die_with_parent()
        setproctitle(f"latchkey: {self.name}")
        os.environ.update(self.environment)
        end_when_asked()
        self.run()


def die_with_parent() -> None:
    """Linux: request SIGTERM when the parent process ends for any reason, so that this process is never
    unsupervised.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end_when_asked() -> None:
    """Exit with status 0 on every later stop signal, and on one that has been pending since the process started."""
    # Exit like a power cut, without an exception. One raised at a random point could be lost (in a finalizer, in a
    # driver's cleanup) or turn into a different error, such as "database unavailable". An immediate exit is safe:
    # transactions roll back, locks are released with their process, and files are written atomically.
    for number in STOPPING:
        signal.signal(number, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def _end(_number: int, _frame: object) -> NoReturn:
    os._exit(0)


def reap_orphans(kept: Collection[int]) -> None:
    """Reap ended children, except those in `kept`, which other code waits for.

    The first process of a container inherits the orphans of all others.
    """
    while True:
        try:
            # WNOWAIT: look without reaping, because a process of `kept` must stay waitable.
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid in kept:
            return
        os.waitpid(found.si_pid, 0)
