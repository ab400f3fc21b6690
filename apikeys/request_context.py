"""What is settled about a request before any view sees it: its id, and the address that answers for its failures."""

from typing import Any, Final

_REQUEST_ID: Final = "latchkey.request_id"
_ADDRESS: Final = "latchkey.address"


def settle(environ: dict[str, Any], *, request_id: str, address: str) -> None:
    """Writes both into the request's `META`; the outermost middleware does it, once."""
    environ[_REQUEST_ID] = request_id
    environ[_ADDRESS] = address


def request_id_of(environ: dict[str, Any]) -> str:
    """The id of the request with this `META`."""
    return str(environ[_REQUEST_ID])


def address_of(environ: dict[str, Any]) -> str:
    """The client's address, as `apikeys.client_address` tells it, of the request with this `META`."""
    return str(environ[_ADDRESS])
