"""Proxy configurations: fills the template of a proxy with an operator's values."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from gateway.proxies import authorization, cors, own_headers, upgrade
from gateway.proxies.traefik_routers import routers
from gateway.proxies.values import Address, NotUsable, Values
from latchkey.problem_catalogue import CATALOGUE, CREDENTIAL_PROBLEMS

TEMPLATES: Final = Path(__file__).parent / "templates"
FILES: Final = {"nginx": "nginx.conf", "caddy": "Caddyfile", "traefik": "traefik.yml", "envoy": "envoy.yaml"}
UNAVAILABLE: Final = "unavailable"

# Problems by status for requests that can't be parsed. The server returns them before it looks at a credential.
_UNREADABLE: Final = {400: "malformed-request", 431: "header-too-large"}
# Problems of /v1/check that are about the client. Every other response means that the request can't be decided.
_REFUSALS: Final = (
    *CREDENTIAL_PROBLEMS,
    "insufficient-scope",
    "limit-too-small",
    "quota-exceeded",
)
# If a node refuses the connection, Caddy tries another node and skips this one for a second. If all nodes do, for
# example during a rolling restart, the request waits until one can be tried again.
_CADDY_NODES: Final = """\
			lb_policy round_robin
			lb_retries 25
			lb_try_interval 50ms
			fail_duration 1s
"""
_PLACE: Final = re.compile(r"@([A-Z_]+)@")


def configuration(proxy: str, values: Values) -> str:
    """Return the configuration of `proxy`, a key of FILES. Raise NotUsable if the values don't fit the proxy."""
    filled = {**_common(values), **_OF_A_PROXY[proxy](values)}
    template = (TEMPLATES / FILES[proxy]).read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: filled[place[1]], template)


def _common(values: Values) -> dict[str, str]:
    query = values.query()
    return {
        "UPSTREAM": str(values.upstream),
        "LATCHKEY": " ".join(map(str, values.latchkey)),
        "LISTEN": str(values.listen),
        "QUERY": query,
        "QUESTION": f"?{query}" if query else "",
    }


def _nginx(values: Values) -> Mapping[str, str]:
    refusals = (*_UNREADABLE.values(), *_REFUSALS)
    name = max(map(len, refusals))
    documents = {slug: _quoted(_document(slug, values, "$latchkey_request_id")) for slug in refusals}
    maps, fields = upgrade.NGINX_WEBSOCKET if values.websocket else ("", upgrade.NGINX_NONE)
    return {
        **cors.nginx(values.cors_origins, values.own_headers),
        **own_headers.nginx(values.own_headers),
        **authorization.nginx(values.leaves_authorization),
        "LATCHKEY_SERVERS": "\n".join(
            f"    server {f'unix:{node.path}' if node.path else node} max_fails=0;" for node in values.latchkey
        ),
        "UPGRADE_MAPS": maps,
        "UPGRADE": fields,
        "QUERY": values.query(deny="403"),
        "UNREADABLE": "\n".join(
            # nginx lists the status of every attempt. Match the last one.
            f'    "~(^|[ ,:]){status}$" {slug};'
            for status, slug in _UNREADABLE.items()
        ),
        "STATUSES": "\n".join(f"    {slug:{name}} {CATALOGUE[slug].status};" for slug in refusals),
        "DOCUMENTS": "\n".join(f"    {slug:{name}} {documents[slug]};" for slug in refusals),
        "UNAVAILABLE": _quoted(_document(UNAVAILABLE, values, "$latchkey_request_id")),
    }


def _caddy(values: Values) -> Mapping[str, str]:
    matchers, fields = upgrade.CADDY_WEBSOCKET if values.websocket else upgrade.CADDY_NONE
    return {
        **cors.caddy(values.cors_origins, values.own_headers),
        **own_headers.caddy(values.own_headers),
        **authorization.caddy(values.leaves_authorization),
        "LATCHKEY": " ".join(f"unix/{node.path}" if node.path else str(node) for node in values.latchkey),
        "LATCHKEY_NODES": _CADDY_NODES if len(values.latchkey) > 1 else "",
        "UPGRADE_MATCHERS": matchers,
        "UPGRADE": fields,
        "UNAVAILABLE": _document(UNAVAILABLE, values, "{http.request.header.X-Request-Id}"),
    }


def _traefik(values: Values) -> Mapping[str, str]:
    if len(values.latchkey) > 1:
        raise NotUsable("--latchkey: Traefik can call only one address. Use that of a proxy in front of the nodes.")
    if values.latchkey[0].path:
        raise NotUsable("--latchkey: Traefik can't call a Unix socket. Let Latchkey listen on 127.0.0.1.")
    return {
        **cors.traefik(values.cors_origins, values.own_headers),
        **own_headers.traefik(values.own_headers),
        **authorization.traefik(values.leaves_authorization),
        "ROUTERS": routers(values),
        "UPGRADE_FIELDS": upgrade.TRAEFIK_WEBSOCKET if values.websocket else "",
    }


def _envoy(values: Values) -> Mapping[str, str]:
    return {
        **cors.envoy(values.cors_origins, values.own_headers),
        **own_headers.envoy(values.own_headers, leaves_authorization=values.leaves_authorization),
        **authorization.envoy(values.leaves_authorization),
        "UPGRADE": upgrade.ENVOY_WEBSOCKET if values.websocket else "",
        # Envoy accepts status 200 only, so 204 would deny the request.
        "QUERY": values.query(allow="200"),
        "LATCHKEY": str(values.latchkey[0]),
        # Only a name has to be resolved.
        "LATCHKEY_DISCOVERY": "STATIC" if values.latchkey[0].path else "STRICT_DNS",
        "LATCHKEY_ENDPOINTS": "\n".join(_envoy_endpoint(node) for node in values.latchkey),
        "UPSTREAM_HOST": values.upstream.host,
        "UPSTREAM_PORT": str(values.upstream.port),
        "UNAVAILABLE": _document(UNAVAILABLE, values, "%REQ(X-REQUEST-ID)%"),
        "TOO_LARGE": _document(_UNREADABLE[431], values, "%REQ(X-REQUEST-ID)%"),
    }


def _envoy_endpoint(node: Address) -> str:
    address = f'socket_address: {{address: "{node.host}", port_value: {node.port}}}'
    if node.path:
        address = f'pipe: {{path: "{node.path}"}}'
    return f"              - endpoint:\n                  address:\n                    {address}"


def _document(slug: str, values: Values, request_id: str) -> str:
    """Return a problem document as Latchkey writes it. `request_id` is a variable that the proxy has validated."""
    problem = CATALOGUE[slug]
    return json.dumps(
        {
            "type": problem.uri(values.public_url),
            "title": problem.title,
            "status": problem.status,
            "detail": _next_step(slug, values),
            "instance": "/v1/check",
            "request_id": request_id,
        }
    )


def _next_step(slug: str, values: Values) -> str:
    if slug != "missing-credential":
        return CATALOGUE[slug].remedy
    if values.keep_authorization:
        return authorization.next_step(values.own_headers[0])
    return f"Send the key as {values.credential_headers.ways}."


def _quoted(text: str) -> str:
    """Return the text as a quoted nginx string. `$` still starts a variable in it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_OF_A_PROXY: Final[Mapping[str, Callable[[Values], Mapping[str, str]]]] = {
    "nginx": _nginx,
    "caddy": _caddy,
    "traefik": _traefik,
    "envoy": _envoy,
}
