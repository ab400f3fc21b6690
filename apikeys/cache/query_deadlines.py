"""Query deadlines: closes connections whose server stopped responding, so that waiting threads get an error."""

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


def track_connections() -> None:
    """Record every connection that this process opens to a database server from now on."""
    connection_created.connect(_track_created, dispatch_uid="apikeys.cache.query_deadlines")


@contextmanager
def query_deadline(seconds: float, on_deadline: Callable[[], None] | None = None) -> Iterator[None]:
    """Limit how long the block may wait for the database.

    Whenever `seconds` have passed within the block, another thread closes this thread's connection, or calls
    `on_deadline` if it is given. SQLite has no server and its own limit, so this does nothing there.
    """
    wrapper: Any = connections[DEFAULT_DB_ALIAS]
    if wrapper.vendor == "sqlite":
        yield
        return
    done = Event()

    # A server or its host may disappear without closing the connection. No TCP time-out ends the wait then.
    def watch() -> None:
        # Repeat: the block may open another connection after the first one was closed, and that may hang too.
        while not done.wait(seconds):
            (on_deadline or (lambda: _shut_down(wrapper.connection, wrapper.Database.Error)))()

    Thread(target=watch, name="query-deadline", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def close_connections() -> None:
    """Close every connection of this process to the database. Reads and writes on them fail immediately."""
    with _lock:
        opened = list(_open.items())
    for connection, error in opened:
        _shut_down(connection, error)


def _shut_down(connection: Any, error: type[Exception]) -> None:
    """Shut down the socket of a connection, if it is still open."""
    try:
        if connection is not None:
            # Shut down a duplicate: the driver still owns the descriptor and closes it itself.
            with socket.socket(fileno=os.dup(connection.fileno())) as theirs:
                theirs.shutdown(socket.SHUT_RDWR)
    except (OSError, error):
        # The connection is already closed.
        pass


def use_unpooled_connection() -> None:
    """Give this thread its own connection outside the pool. It gets as old as those of the pool, and not older.

    The caller has to call `close_if_unusable_or_obsolete`.
    """
    # A thread in the pool waits for other threads, and for the pool's next attempt, which comes later the longer
    # an outage lasts.
    apart = connections.create_connection(DEFAULT_DB_ALIAS)
    apart.settings_dict = deepcopy(apart.settings_dict)
    pool = apart.settings_dict["OPTIONS"].pop("pool", None)
    if pool:
        # After a failover behind the same address, the old server may go on responding.
        apart.settings_dict["CONN_MAX_AGE"] = pool["max_lifetime"]
        # A check would be a query before each query.
        apart.settings_dict["CONN_HEALTH_CHECKS"] = False
    connections[DEFAULT_DB_ALIAS] = apart


def reset_pool() -> None:
    """Close the pool, if there is one, so that all threads connect again."""
    pooled: Any = connections.create_connection(DEFAULT_DB_ALIAS)
    # The pool would otherwise hand out connections that broke during the outage.
    if pooled.settings_dict["OPTIONS"].get("pool"):
        pooled.close_pool()


def track(session: Any, error: type[Exception]) -> None:
    """Record an open connection of the database driver. `error` is the driver's base exception."""
    with _lock:
        _open[session] = error


def _track_created(sender: object, connection: Any, **_: object) -> None:
    if connection.vendor != "sqlite":
        track(connection.connection, connection.Database.Error)
