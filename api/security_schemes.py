"""Security schemes of the OpenAPI document: one for each way to send a credential."""

from typing import Any, Final

from apikeys.credential_fields import CREDENTIAL_HEADERS

_AUTHORIZATION: Final[dict[str, dict[str, Any]]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "key_id:secret or key_id.secret"},
    "basic": {"type": "http", "scheme": "basic", "description": "key ID and secret"},
}
SECURITY_SCHEMES: Final[dict[str, dict[str, Any]]] = {
    **{
        # The first one keeps the usual name, whatever its field is called.
        f"apiKey{position or ''}": {
            "type": "apiKey",
            "in": "header",
            "name": name,
            "description": "key_id:secret or key_id.secret",
        }
        for position, name in enumerate(CREDENTIAL_HEADERS.own_names)
    },
    **(_AUTHORIZATION if CREDENTIAL_HEADERS.has_authorization else {}),
}
"""Schemes by name."""
