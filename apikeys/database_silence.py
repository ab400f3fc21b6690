"""Connections on which nothing comes any more: they are cut, so that whoever waits on them gets an error."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from threading import Event, Lock, Thread
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.signals import connection_created

_lock: Final = Lock()
_open: Final[WeakKeyDictionary[Any, type[Exception]]] = WeakKeyDictionary()


def remember_connections() -> None:
    """From now on notes each connection to a server that this process uses."""
    connection_created.connect(_remember, dispatch_uid="apikeys.database_silence")


@contextmanager
def patience(seconds: float, on_silence: Callable[[], None] | None = None) -> Iterator[None]:
    """Each time that what is within has lasted so long, this thread's connection is cut, or `on_silence` called, on
    another thread. More than once, as a connection may be made and fall silent after the first.

    A server may be gone without a word, or its host may take what is sent and say nothing: then no time-out of TCP ends
    the wait. SQLite has no server, and a bound of its own.
    """
    wrapper: Any = connections[DEFAULT_DB_ALIAS]
    if wrapper.vendor == "sqlite":
        yield
        return
    done = Event()

    def watch() -> None:
        while not done.wait(seconds):
            (on_silence or (lambda: _cut(wrapper.connection, wrapper.Database.Error)))()

    Thread(target=watch, name="database-silence", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def cut_connections() -> None:
    """Ends every connection of this process to the database: reads and writes on them fail at once."""
    with _lock:
        opened = list(_open.items())
    for connection, error in opened:
        _cut(connection, error)


def _cut(connection: Any, error: type[Exception]) -> None:
    try:
        if connection is not None:
            with socket.socket(fileno=os.dup(connection.fileno())) as theirs:
                theirs.shutdown(socket.SHUT_RDWR)
    except (OSError, error):
        pass  # it is closed already


def leave_the_pool() -> None:
    """Gives this thread a connection of its own: it waits neither for others nor for the pool's next attempt, which
    comes the later the longer an outage lasts.
    """
    apart = connections.create_connection(DEFAULT_DB_ALIAS)
    apart.settings_dict = deepcopy(apart.settings_dict)
    apart.settings_dict["OPTIONS"].pop("pool", None)
    connections[DEFAULT_DB_ALIAS] = apart


def renew_pool() -> None:
    """Lets everybody else connect anew at once, where there is a pool: it would hand out what broke in an outage."""
    pooled: Any = connections.create_connection(DEFAULT_DB_ALIAS)
    if pooled.settings_dict["OPTIONS"].get("pool"):
        pooled.close_pool()


def remember(session: Any, error: type[Exception]) -> None:
    """Note a session of the database's driver, which raises `error`."""
    with _lock:
        _open[session] = error


def _remember(sender: object, connection: Any, **_: object) -> None:
    if connection.vendor != "sqlite":
        remember(connection.connection, connection.Database.Error)
