"""Facts about a request that are determined before any view sees it: its ID, its trace and its client address."""

from typing import Any, Final

_REQUEST_ID: Final = "latchkey.request_id"
_ADDRESS: Final = "latchkey.address"
_TRACE_ID: Final = "latchkey.trace_id"


def set_request_context(environ: dict[str, Any], *, request_id: str, address: str, trace_id: str | None = None) -> None:
    """Store them in the request's `META`. The outermost middleware calls this once."""
    environ[_REQUEST_ID] = request_id
    environ[_ADDRESS] = address
    environ[_TRACE_ID] = trace_id


def request_id_of(environ: dict[str, Any]) -> str:
    """Return the ID of the request with this `META`."""
    return str(environ[_REQUEST_ID])


def address_of(environ: dict[str, Any]) -> str:
    """Return the client address of the request with this `META`, as `apikeys.client_address` determined it."""
    return str(environ[_ADDRESS])


def trace_id_of(environ: dict[str, Any]) -> str | None:
    """Return the ID of the trace to which the request with this `META` belongs, or None."""
    found: str | None = environ[_TRACE_ID]
    return found


def raw_query(environ: dict[str, Any]) -> bytes:
    """Return the query string of the request with this `META` as it was sent."""
    # WSGI decodes bytes as Latin-1, so encoding restores them exactly.
    return str(environ.get("QUERY_STRING", "")).encode("latin-1")
