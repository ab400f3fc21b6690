"""What is settled about a request before any view sees it: its id, its trace, and the address that answers for its
failures.
"""

from typing import Any, Final

_REQUEST_ID: Final = "latchkey.request_id"
_ADDRESS: Final = "latchkey.address"
_TRACE_ID: Final = "latchkey.trace_id"


def settle(environ: dict[str, Any], *, request_id: str, address: str, trace_id: str | None = None) -> None:
    """Writes them into the request's `META`; the outermost middleware does it, once."""
    environ[_REQUEST_ID] = request_id
    environ[_ADDRESS] = address
    environ[_TRACE_ID] = trace_id


def request_id_of(environ: dict[str, Any]) -> str:
    """The id of the request with this `META`."""
    return str(environ[_REQUEST_ID])


def address_of(environ: dict[str, Any]) -> str:
    """The client's address, as `apikeys.client_address` tells it, of the request with this `META`."""
    return str(environ[_ADDRESS])


def trace_id_of(environ: dict[str, Any]) -> str | None:
    """The id of the trace that the request with this `META` belongs to; None for one that belongs to none."""
    found: str | None = environ[_TRACE_ID]
    return found


def raw_query(environ: dict[str, Any]) -> bytes:
    """Return the query string of the request with this `META` as it was sent. (WSGI has bytes as Latin-1.)"""
    return str(environ.get("QUERY_STRING", "")).encode("latin-1")
