"""What processes owe each other."""

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
    """Work for a process forked from this one, which has loaded everything: a fork starts without loading it again.

    `ps` shows its `name`.
    """

    name: str
    run: Callable[[], object]
    environment: Mapping[str, str]

    def start(self) -> ForkProcess:
        """Fork, in a session of its own, so that Ctrl-C reaches it through this process, once and in order. This
        process must have one thread, and no connection that the fork could use too.
        """
        process = _FORK.Process(target=self._work)
        # A signal that arrives before the fork has replaced this process's handlers waits for that.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        return process

    def _work(self) -> None:
        os.setsid()
        die_with_parent()
        setproctitle(f"latchkey: {self.name}")
        os.environ.update(self.environment)
        end_when_asked()
        self.run()


def die_with_parent() -> None:
    """Linux: this process gets SIGTERM when its parent ends, however that ended, so that nobody serves unwatched."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end_when_asked() -> None:
    """From here on a signal to stop ends this process with status 0, also one that has waited since it was started.

    At once, as a power cut would, and what it leaves is made for that: transactions roll back, locks go with their
    process, files appear whole. An exception raised wherever the signal finds us could be lost there (in a finaliser,
    in a driver's clean-up), or come out as another one, such as a database that seems away.
    """
    for number in STOPPING:
        signal.signal(number, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def _end(_number: int, _frame: object) -> NoReturn:
    os._exit(0)


def reap_orphans(kept: Collection[int]) -> None:
    """Buries children that have ended, but for those `kept`, whom somebody waits for: the first process of a container
    gets those of all others.
    """
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid in kept:
            return
        os.waitpid(found.si_pid, 0)
