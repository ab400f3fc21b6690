"""OpenAPI document: the parts about credentials and problems, which drf-spectacular can't derive."""

from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension

from api.schemas.fields import SOON
from api.security_schemes import SECURITY_SCHEMES
from latchkey.problems import MAX_ERRORS

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457. `type` is the URL of a page that says what to do.",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "maxItems": MAX_ERRORS + 1,
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "RFC 6901 pointer to the invalid field of the body or query.",
                    },
                    "code": {"type": "string", "description": "Stable identifier for programs."},
                    "detail": {"type": "string", "description": "Message for people."},
                },
            },
        },
        "violated-policies": {"type": "array", "items": {"type": "string"}},
    },
}
_HEADERS: Final[dict[str, Any]] = {
    "RequestId": {
        "description": "ID of the request, also in its log lines and events.",
        "required": True,
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "Seconds to wait. After that, the request is allowed.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Security schemes for the ways to send a credential."""

    target_class = "api.authentication.KeyAuthentication"
    name = list(SECURITY_SCHEMES)

    def get_security_definition(self, auto_schema: Any) -> Any:
        return list(SECURITY_SCHEMES.values())


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the Problem schema and the shared header fields, and close request schemas. It is a drf-spectacular hook."""
    components = result["components"]
    components["schemas"]["Problem"] = _PROBLEM
    components["headers"] = _HEADERS
    for schema in components["schemas"].values():
        if "oneOf" in schema and "discriminator" not in schema:
            # A full key also matches the shorter receipt, and oneOf rejects what matches two schemas.
            schema["anyOf"] = schema.pop("oneOf")
    soon = f"{_month_ahead(timezone.now()):%Y-%m-%dT00:00:00Z}"
    for calls in result["paths"].values():
        for call in calls.values():
            # Schemes in one entry are all required. Separate entries are alternatives.
            call["security"] = [{name: []} for needed in call.get("security", []) for name in needed]
            if body := call.get("requestBody"):
                # The server rejects unknown fields, so the document must say so.
                _close(body, components["schemas"])
                call["requestBody"] = _dated(body, soon)
    return result


def _month_ahead(now: datetime) -> datetime:
    """Return the first day of the month after the next."""
    year, month = divmod(now.year * 12 + now.month + 1, 12)
    return now.replace(year=year, month=month + 1, day=1)


def _dated(value: Any, soon: str) -> Any:
    """Return a copy of `value` with `soon` in its examples."""
    if isinstance(value, dict):
        return {name: _dated(member, soon) for name, member in value.items()}
    return soon if value == SOON else value


def _close(value: Any, schemas: dict[str, Any]) -> None:
    """Set additionalProperties to false in every object schema that `value` references."""
    if isinstance(value, list):
        for element in value:
            _close(element, schemas)
    elif isinstance(value, dict):
        name = str(value.get("$ref", "")).rpartition("/")[2]
        if name in schemas:
            if schemas[name].get("type") == "object":
                schemas[name].setdefault("additionalProperties", False)
            _close(schemas[name], schemas)
        for member in value.values():
            _close(member, schemas)
