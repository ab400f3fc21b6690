"""Authorization lines of the proxy configurations: the field belongs to Latchkey, or to the service.

With `--keep-authorization`, or if CREDENTIAL_HEADERS lacks it, it belongs to the service. Latchkey doesn't receive it
then, so a key in it doesn't count. Clients may send their key there anyway, and it must not reach the service: text
with the shape of a credential is removed, whether plain or in Base64 (Basic).
"""

from collections.abc import Mapping
from typing import Final

from latchkey.redaction import CREDENTIAL

_NGINX_MAP: Final = f"""\
# Authorization belongs to the service. A Latchkey credential in it is removed.
map $http_authorization $latchkey_authorization {{
    "~{CREDENTIAL}" "";
    default $http_authorization;
}}

"""
_CADDY_MATCHER: Final = f"""\
	# Authorization belongs to the service. A Latchkey credential in it is removed.
	@credential header_regexp Authorization "{CREDENTIAL}"
"""
_ENVOY_ROUTE: Final = f"""\
                        # Authorization belongs to the service. A Latchkey credential in it is removed.
                        - match:
                            prefix: "/"
                            headers:
                              - name: "authorization"
                                string_match: {{safe_regex: {{regex: ".*(?:{CREDENTIAL}).*"}}}}
                          route: {{cluster: protected, timeout: 60s}}
                          request_headers_to_remove: ["authorization"]
"""
_ENVOY_WITHHELD: Final = """\
                      # Envoy would send it even if it isn't in the list above.
                      disallowed_headers: {patterns: [{exact: "authorization"}]}
"""
_TRAEFIK_MIDDLEWARE: Final = """\
    latchkey-hide-authorization:
      headers:
        customRequestHeaders:
          Authorization: ""
"""


def next_step(own_header: str) -> str:
    """Return what to do about a missing credential if it may only be sent in the field `own_header`."""
    return f"Send the key as {own_header}: key_id:secret. Authorization is only for the service."


def nginx(kept: bool) -> Mapping[str, str]:
    """Return the lines by placeholder of the template."""
    return {
        "AUTHORIZATION_MAP": _NGINX_MAP if kept else "",
        "AUTHORIZATION": "$latchkey_authorization" if kept else '""',
        "AUTHORIZATION_WITHHELD": '\n        proxy_set_header Authorization "";' if kept else "",
    }


def caddy(kept: bool) -> Mapping[str, str]:
    """Return the lines by placeholder of the template."""
    return {
        "AUTHORIZATION_MATCHER": _CADDY_MATCHER if kept else "",
        "AUTHORIZATION_CHECKED": "\t\trequest_header @credential -Authorization\n" if kept else "",
        "AUTHORIZATION_WITHHELD": "\t\t\theader_up -Authorization\n" if kept else "",
        "AUTHORIZATION": "" if kept else "\t\theader_up -Authorization\n",
    }


def envoy(kept: bool) -> Mapping[str, str]:
    """Return the lines by placeholder of the template."""
    return {
        "AUTHORIZATION_ASKED": "" if kept else '                          - exact: "authorization"\n',
        "AUTHORIZATION_WITHHELD": _ENVOY_WITHHELD if kept else "",
        "AUTHORIZATION_ROUTE": _ENVOY_ROUTE if kept else "",
    }


def traefik(kept: bool) -> Mapping[str, str]:
    """Return the lines by placeholder of the template."""
    return {
        "AUTHORIZATION_ASKED": "" if kept else '"Authorization", ',
        "AUTHORIZATION": "" if kept else '          Authorization: ""\n',
        "AUTHORIZATION_MIDDLEWARE": _TRAEFIK_MIDDLEWARE if kept else "",
    }
