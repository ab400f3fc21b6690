"""Shared types of Latchkey, and the typed client of its API: `from latchkey import Client`. It never imports Django."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latchkey.client.client import Client as Client

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import `Client` on first access. Raises AttributeError for any other name."""
    if name == "Client":
        # Imported lazily: the server shares this package and has no use for httpx.
        from latchkey.client.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
