"""Stop signal of this process: it becomes unready before anything else happens."""

from threading import Event

_STOPPING = Event()


def note() -> None:
    """Record that the process is stopping."""
    _STOPPING.set()


def is_stopping() -> bool:
    """Return whether the process is stopping. Load balancers must send no new requests here then."""
    return _STOPPING.is_set()
