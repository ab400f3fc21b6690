"""A proxy's whole configuration, from its template and an operator's values."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from gateway.proxies.values import Values
from latchkey.problem_catalogue import CATALOGUE

TEMPLATES: Final = Path(__file__).parent / "templates"
FILES: Final = {"nginx": "nginx.conf", "caddy": "Caddyfile", "traefik": "traefik.yml", "envoy": "envoy.yaml"}
UNAVAILABLE: Final = "unavailable"

# What /v1/check answers about a client. All else means that nobody can say whether it may pass.
_REFUSALS: Final = (
    "ambiguous-credential",
    "missing-credential",
    "malformed-credential",
    "invalid-credential",
    "expired-key",
    "disabled-key",
    "revoked-key",
    "insufficient-scope",
    "quota-exceeded",
)
_PLACE: Final = re.compile(r"@([A-Z_]+)@")


def configuration(proxy: str, values: Values) -> str:
    """The configuration of one of FILES."""
    filled = {**_common(values), **_OF_A_PROXY[proxy](values)}
    template = (TEMPLATES / FILES[proxy]).read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: filled[place[1]], template)


def _common(values: Values) -> dict[str, str]:
    query = values.query()
    return {
        "UPSTREAM": str(values.upstream),
        "LATCHKEY": str(values.latchkey),
        "LISTEN": str(values.listen),
        "QUERY": query,
        "QUESTION": f"?{query}" if query else "",
    }


def _nginx(values: Values) -> Mapping[str, str]:
    name = max(map(len, _REFUSALS))
    documents = {slug: _quoted(_document(slug, values, "$latchkey_request_id")) for slug in _REFUSALS}
    return {
        "QUERY": values.query(deny="403"),
        "STATUSES": "\n".join(f"    {slug:{name}} {CATALOGUE[slug].status};" for slug in _REFUSALS),
        "DOCUMENTS": "\n".join(f"    {slug:{name}} {documents[slug]};" for slug in _REFUSALS),
        "UNAVAILABLE": _quoted(_document(UNAVAILABLE, values, "$latchkey_request_id")),
    }


def _caddy(values: Values) -> Mapping[str, str]:
    return {"UNAVAILABLE": _document(UNAVAILABLE, values, "{http.request.header.X-Request-Id}")}


def _traefik(_values: Values) -> Mapping[str, str]:
    return {}


def _envoy(values: Values) -> Mapping[str, str]:
    return {
        # Envoy takes 200 for a yes, and nothing else.
        "QUERY": values.query(allow="200"),
        "LATCHKEY_HOST": values.latchkey.host,
        "LATCHKEY_PORT": str(values.latchkey.port),
        "UPSTREAM_HOST": values.upstream.host,
        "UPSTREAM_PORT": str(values.upstream.port),
        "UNAVAILABLE": _document(UNAVAILABLE, values, "%REQ(X-REQUEST-ID)%"),
    }


def _document(slug: str, values: Values, request_id: str) -> str:
    """A problem as Latchkey writes it; `request_id` is what the proxy puts there, which it has seen to be safe."""
    problem = CATALOGUE[slug]
    return json.dumps(
        {
            "type": problem.uri(values.public_url),
            "title": problem.title,
            "status": problem.status,
            "detail": problem.remedy,
            "instance": "/v1/check",
            "request_id": request_id,
        }
    )


def _quoted(text: str) -> str:
    """A word of nginx's; `$` still begins a variable there."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_OF_A_PROXY: Final[Mapping[str, Callable[[Values], Mapping[str, str]]]] = {
    "nginx": _nginx,
    "caddy": _caddy,
    "traefik": _traefik,
    "envoy": _envoy,
}
