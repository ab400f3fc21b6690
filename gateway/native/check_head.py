"""Parsed request heads of /v1/check on the fast path. Identical bytes are parsed once."""

import re
from typing import Final, NamedTuple

from apikeys.imports.sources import may_be_token
from gateway.check_parameters import CheckParameters, parse_check_parameters
from httpserver.asgi_types import Fields
from httpserver.fast_path import Head
from latchkey import headers
from latchkey.credential_headers import token_of_authorization
from latchkey.credentials import CREDENTIAL_PATTERN, SECRET_PREFIX, Credential, ImportedToken
from latchkey.problems import ProblemError
from latchkey.request_id import is_request_id

_API_KEY: Final = headers.API_KEY.lower().encode()
_AUTHORIZATION: Final = b"authorization"
_BEARER: Final = b"Bearer "
_REQUEST_ID: Final = headers.REQUEST_ID.lower().encode()
_CREDENTIAL: Final = re.compile(CREDENTIAL_PATTERN.pattern.encode())


class CheckHead(NamedTuple):
    """A parsed head: the credential, the client's request ID, and the parameters of the check.

    `credential` is None if it is not given in the plainest form, and `request_id` is None if the client sent none.
    """

    credential: Credential | None
    request_id: bytes | None
    parameters: CheckParameters


def parse_head(head: Head) -> CheckHead | None:
    """Return the parsed head, or None if the application must handle the request."""
    try:
        return CheckHead(*credential_and_request_id(head.fields), parse_check_parameters(head.query))
    except ProblemError:
        return None


def credential_and_request_id(fields: Fields) -> tuple[Credential | None, bytes | None]:
    """Return the credential and the request ID, each as described in `CheckHead`."""
    given = api_key = authorization = request_id = None
    plain = True
    for name, value in fields:
        if name == _API_KEY:
            plain, given = plain and given is None, value
            api_key = value
        elif name == _AUTHORIZATION:
            plain, authorization = plain and authorization is None, value
        elif name == _REQUEST_ID:
            # Two request IDs make an invalid one: "," is not allowed in it, so the check below drops it.
            request_id = value if request_id is None else b","
    if request_id is not None and not is_request_id(request_id.decode("latin-1")):
        request_id = None
    once = plain
    if authorization is not None and plain:
        plain = authorization.startswith(_BEARER)
        if given is None:
            given = authorization.removeprefix(_BEARER)
        else:
            # Authorization may belong to the service behind Latchkey, and then X-API-Key alone counts. If it could
            # hold a Latchkey credential too, `credential_from_headers` has to compare the two.
            plain = plain and b"lk_" not in authorization and b"," not in authorization
    match = _CREDENTIAL.fullmatch(given) if given is not None and plain else None
    if match is not None:
        return Credential(match[1].decode(), match[2].decode()), request_id
    return _imported_token(api_key, authorization) if once else None, request_id


def _imported_token(api_key: bytes | None, authorization: bytes | None) -> ImportedToken | None:
    """Return the imported token in the only field that was sent, or None if it must be looked for more closely."""
    if (api_key is None) == (authorization is None):
        return None
    text = api_key.decode("latin-1") if api_key else token_of_authorization((authorization or b"").decode("latin-1"))
    # The text may also be a credential of our own in another form. `credential_from_headers` decides then.
    return ImportedToken.of(text) if SECRET_PREFIX not in text and may_be_token(text) else None
