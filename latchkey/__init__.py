"""Shared types of Latchkey, and the typed clients of its API: `from latchkey import Client`, or `AsyncClient`.

Only `latchkey.integrations` imports a web framework.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latchkey.client.async_client import AsyncClient as AsyncClient
    from latchkey.client.client import Client as Client

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import `Client` or `AsyncClient` on first access. Raises AttributeError for any other name."""
    # Imported lazily: the server shares this package and has no use for httpx.
    if name == "Client":
        from latchkey.client.client import Client

        return Client
    if name == "AsyncClient":
        from latchkey.client.async_client import AsyncClient

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
