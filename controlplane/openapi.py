"""The OpenAPI document: what drf-spectacular cannot see of credentials and problems."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from latchkey import headers
from latchkey.problems import MEDIA_TYPE

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `type` leads to a page that says what to do.",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
            },
        },
        "violated-policies": {"type": "array", "items": {"type": "string"}},
    },
}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The three ways to send a credential."""

    target_class = "apikeys.authentication.KeyAuthentication"
    name = ["apiKey", "bearer", "basic"]

    def get_security_definition(self, auto_schema: Any) -> Any:
        return [
            {"type": "apiKey", "in": "header", "name": headers.API_KEY, "description": "key_id:secret"},
            {"type": "http", "scheme": "bearer", "description": "key_id:secret"},
            {"type": "http", "scheme": "basic", "description": "key id and secret"},
        ]


def describe_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Adds the problem's shape to every call: each 4xx and 5xx has it."""
    result["components"].setdefault("schemas", {})["Problem"] = _PROBLEM
    answer = {
        "description": "A problem.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for calls in result["paths"].values():
        for call in calls.values():
            # Listed together they would all be asked for; any one of them is.
            call["security"] = [{name: []} for needed in call.get("security", []) for name in needed]
            call["responses"] |= {"4XX": answer, "5XX": answer}
    return result
