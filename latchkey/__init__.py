"""Latchkey's shared types, and the typed client of its API: `from latchkey import Client`. No Django here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latchkey.client.client import Client as Client

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Brings the client in where it is asked for: the server, which shares this package, has no use for httpx."""
    if name == "Client":
        from latchkey.client.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
