"""Parsed request heads of /v1/check on the fast path. Identical bytes are parsed once."""

import re
from typing import Final, NamedTuple

from apikeys.credential_fields import LOWER_NAMES
from apikeys.imports.sources import may_be_token
from gateway.check_parameters import CheckParameters, parse_check_parameters
from httpserver.asgi_types import Fields
from httpserver.fast_path import Head
from latchkey import headers
from latchkey.credential_headers import token_of_authorization
from latchkey.credentials import CREDENTIAL_PATTERN, SECRET_PREFIX, Credential, ImportedToken
from latchkey.problems import ProblemError
from latchkey.request_id import is_request_id

_CREDENTIAL_FIELDS: Final = frozenset(LOWER_NAMES)
_AUTHORIZATION: Final = headers.AUTHORIZATION.lower().encode()
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
    request_id = None
    sent: list[tuple[bytes, bytes]] = []
    for field in fields:
        name = field[0]
        if name in _CREDENTIAL_FIELDS:
            sent.append(field)
        elif name == _REQUEST_ID:
            # Two request IDs make an invalid one: "," is not allowed in it, so the check below drops it.
            request_id = field[1] if request_id is None else b","
    if request_id is not None and not is_request_id(request_id.decode("latin-1")):
        request_id = None
    found = _possible_fields(sent) if len(sent) > 1 else sent
    if len(found) == 1:
        ((name, value),) = found
        if name == _AUTHORIZATION:
            # Any other scheme isn't the plainest form.
            value = value.removeprefix(_BEARER) if value.startswith(_BEARER) else b""
        match = _CREDENTIAL.fullmatch(value)
        if match is not None:
            return Credential(match[1].decode(), match[2].decode()), request_id
    return _imported_token(*sent[0]) if len(sent) == 1 else None, request_id


def _imported_token(name: bytes, value: bytes) -> ImportedToken | None:
    """Return the imported token in the only field that was sent, or None if it must be looked for more closely."""
    text = value.decode("latin-1")
    if name == _AUTHORIZATION:
        text = token_of_authorization(text)
    # The text may also be a credential of our own in another form. `CredentialHeaders.find` decides then.
    return ImportedToken.of(text) if SECRET_PREFIX not in text and may_be_token(text) else None


def _possible_fields(sent: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the fields that could hold a Latchkey credential.

    The others may belong to the service behind Latchkey, and then they don't count. If two fields remain,
    `CredentialHeaders.find` has to compare them.
    """
    if len({name for name, _ in sent}) < len(sent):
        # A field that was sent twice is one list, all of whose values count.
        return sent
    return [field for field in sent if _may_hold_credential(*field)]


def _may_hold_credential(name: bytes, value: bytes) -> bool:
    # A Basic token is encoded, so it may hold one without showing it, also behind a comma.
    return b"lk_" in value or (name == _AUTHORIZATION and (b"," in value or not value.startswith(_BEARER)))
