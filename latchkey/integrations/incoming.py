"""Incoming request, as far as a decision about it depends on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from latchkey import headers
from latchkey.auth_context import AuthContext
from latchkey.credential_headers import DEFAULT
from latchkey.identity import read_identity
from latchkey.request_id import resolve_request_id

ReadHeader = Callable[[str], str | None]
"""Function that returns a header field by its name; several fields of that name joined by commas."""


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A request to the service. `credential_fields` are the values of the fields that may carry its API key.

    `proxy_identity` is the caller as `X-Latchkey-*` fields name it: anyone can send them.

    Its `repr` shows no credential.
    """

    path: str
    request_id: str
    credential_fields: Sequence[str | None] = field(repr=False)
    proxy_identity: AuthContext | None = field(repr=False)

    @classmethod
    def of(cls, path: str, header: ReadHeader) -> "IncomingRequest":
        """Return the request to `path` whose fields `header` returns."""
        return cls(
            path=path,
            request_id=resolve_request_id(header(headers.REQUEST_ID)),
            credential_fields=[header(name) for name in DEFAULT.names],
            proxy_identity=read_identity(*map(header, headers.LATCHKEY_IDENTITY)),
        )
