"""Fields of a request that the native endpoints need, read from an ASGI scope once for both."""

from dataclasses import dataclass
from typing import Final

from django.conf import settings

from apikeys.client_address import client_address
from apikeys.credential_fields import LOWER_NAMES
from httpserver.asgi_types import Scope
from latchkey.request_id import resolve_request_id

_WANTED: Final = frozenset(
    (*LOWER_NAMES, b"x-request-id", b"x-forwarded-for", b"content-type", b"traceparent", b"accept")
)


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """The request ID, the client address used by the failure limit, and the needed fields by lower-case name.

    A field that was sent more than once is joined with commas.
    """

    request_id: str
    address: str
    fields: dict[bytes, str]

    @classmethod
    def of(cls, scope: Scope, request_id: bytes | None = None) -> "EndpointRequest":
        """Return the request of a scope. If `request_id` is given, it is used instead of the client's."""
        fields: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name in _WANTED:
                text = value.decode("latin-1")
                fields[name] = f"{fields[name]},{text}" if name in fields else text
        client = scope.get("client")
        forwarded = fields.get(b"x-forwarded-for", "")
        address = client_address(client[0] if client else "", forwarded, settings.TRUSTED_PROXIES)
        known = request_id.decode() if request_id else resolve_request_id(fields.get(b"x-request-id"))
        return cls(known, address, fields)
