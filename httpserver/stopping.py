"""Whether this process is stopping: its readiness goes before anything else does."""

from threading import Event

_STOPPING = Event()


def note() -> None:
    """Note that it is."""
    _STOPPING.set()


def is_stopping() -> bool:
    """Return whether it is. Load balancers must send no new requests here."""
    return _STOPPING.is_set()
