"""Routers of the Traefik configuration: one per kind of request, because Traefik middlewares have no conditions."""

from itertools import product
from typing import Final

from gateway.proxies.values import Values
from latchkey.redaction import CREDENTIAL

_COMMENTS: Final = {
    "": "",
    "-websocket": "    # A request may upgrade its connection only to a WebSocket.\n",
    "-credential": "    # Authorization belongs to the service. A Latchkey credential in it is removed.\n",
    "-websocket-credential": "",
}


def routers(values: Values) -> str:
    """Return the routers. Traefik tries the longest rule first, which is the most specific one."""
    kinds = product((False, True)[: 1 + values.websocket], (False, True)[: 1 + values.leaves_authorization])
    return "".join(_router(values, websocket, credential) for websocket, credential in kinds)


def _router(values: Values, websocket: bool, credential: bool) -> str:
    """Return the router for one kind of request: for a WebSocket or not, with a credential in Authorization or not."""
    kind = "-websocket" * websocket + "-credential" * credential
    conditions = ["PathPrefix(`/`)"]
    middlewares = ["latchkey-websocket" if websocket else "latchkey-no-upgrade"]
    if values.cors_origins:
        middlewares.append("latchkey-cors")
    middlewares += ["latchkey-check", "latchkey-hide-credential"]
    if websocket:
        conditions.append("HeaderRegexp(`Upgrade`, `(?i)^websocket$`)")
    if credential:
        conditions.append(f"HeaderRegexp(`Authorization`, `{CREDENTIAL}`)")
        middlewares.append("latchkey-hide-authorization")
    names = ", ".join(f'"{name}"' for name in middlewares)
    return (
        f"{_COMMENTS[kind]}    protected{kind}:\n"
        '      entryPoints: ["latchkey"]\n'
        f'      rule: "{" && ".join(conditions)}"\n'
        f"      middlewares: [{names}]\n"
        '      service: "protected"\n'
    )
