"""CORS lines of the proxy configurations, which let pages of other origins call the service (Fetch standard).

The proxy answers preflight requests itself, because browsers send no credential with them. Every other response,
including errors, gets the fields that let the page read it. The proxy replaces CORS fields of the service: if a
response has two of them, browsers reject it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from latchkey import headers

# Both names and the wildcard. The service decides what it accepts, and a page that may call it may read the response.
# The wildcard does not cover Authorization, nor requests with cookies, which these responses don't allow.
_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, *"
_EXPOSED: Final = ", ".join(
    (
        headers.RATE_LIMIT,
        headers.RATE_LIMIT_POLICY,
        headers.X_RATE_LIMIT_LIMIT,
        headers.X_RATE_LIMIT_REMAINING,
        headers.X_RATE_LIMIT_RESET,
        headers.RETRY_AFTER,
        headers.REQUEST_ID,
        "*",
    )
)
# Chrome's upper limit.
_MAX_AGE_SECONDS: Final = 7200
_OF_THE_SERVICE: Final = tuple(
    f"Access-Control-{name}"
    for name in ("Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Expose-Headers", "Max-Age")
)

_NGINX_MAPS: Final = """\
# An origin whose pages may call the service.
map $http_origin $latchkey_cors_origin {{
{origins}
    default "";
}}

map $latchkey_cors_origin $latchkey_cors_exposed {{
    "" "";
    default "{exposed}";
}}

# Browsers send preflights without a credential.
map "$request_method $http_access_control_request_method $latchkey_cors_origin" $latchkey_preflight {{
    "~^OPTIONS [^ ]+ [^ ]+$" 1;
    default "";
}}

"""
_NGINX_PREFLIGHT: Final = f"""\
        # Answered here: the service isn't called.
        if ($latchkey_preflight) {{
            add_header Access-Control-Allow-Origin $latchkey_cors_origin always;
            add_header Access-Control-Allow-Methods "{_METHODS}" always;
            add_header Access-Control-Allow-Headers "{{fields}}" always;
            add_header Access-Control-Max-Age {_MAX_AGE_SECONDS} always;
            add_header Vary Origin always;
            return 204;
        }}

"""
_NGINX_ANSWER: Final = """\

        add_header Access-Control-Allow-Origin $latchkey_cors_origin always;
        add_header Access-Control-Expose-Headers $latchkey_cors_exposed always;
        add_header Vary Origin always;"""
_CADDY_MATCHERS: Final = """\
	# An origin whose pages may call the service.
	@cors header_regexp cors Origin ^({origins})$
	# Browsers send preflights without a credential.
	@preflight {{
		method OPTIONS
		header_regexp cors Origin ^({origins})$
		header_regexp Access-Control-Request-Method .
	}}
"""
_CADDY_ANSWER: Final = f"""\
		header +Vary Origin
		header @cors Access-Control-Allow-Origin {{http.regexp.cors.1}}
		header @cors Access-Control-Expose-Headers "{_EXPOSED}"
		header @preflight Access-Control-Allow-Methods "{_METHODS}"
		header @preflight Access-Control-Allow-Headers "{{fields}}"
		header @preflight Access-Control-Max-Age {_MAX_AGE_SECONDS}
		# Answered here: the service isn't called.
		respond @preflight 204
"""
_ENVOY_FILTER: Final = """\
                  # Answers preflights, which browsers send without a credential. The service isn't called.
                  - name: envoy.filters.http.cors
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors
"""
_ENVOY_POLICY: Final = """\
                      typed_per_filter_config:
                        envoy.filters.http.cors:
                          "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
                          # Origins whose pages may call the service.
                          allow_origin_string_match:
{origins}
                          allow_methods: "{methods}"
                          allow_headers: "{fields}"
                          expose_headers: "{exposed}"
                          max_age: "{max_age}"
                      response_headers_to_add:
                        - header: {{key: "Vary", value: "Origin"}}
                          append_action: APPEND_IF_EXISTS_OR_ADD
"""
_TRAEFIK_MIDDLEWARE: Final = """\
    latchkey-cors:
      headers:
        # Origins whose pages may call the service. Traefik answers preflights itself.
        accessControlAllowOriginList: [{origins}]
        accessControlAllowMethods: ["{methods}"]
        accessControlAllowHeaders: ["{fields}"]
        accessControlExposeHeaders: ["{exposed}"]
        accessControlMaxAge: {max_age}
        addVaryHeader: true
"""


def nginx(origins: Sequence[str], own_headers: Sequence[str]) -> Mapping[str, str]:
    """Return the lines for these origins, by placeholder of the template."""
    if not origins:
        return dict.fromkeys(("CORS_MAPS", "CORS_PREFLIGHT", "CORS_OF_SERVICE", "CORS_ANSWER"), "")
    # Regular expressions, because nginx compares plain strings without case and limits their length by a setting.
    lines = "\n".join(f'    "~^{_pattern(origin)}$" "{origin}";' for origin in origins)
    return {
        "CORS_MAPS": _NGINX_MAPS.format(origins=lines, exposed=_EXPOSED),
        "CORS_PREFLIGHT": _NGINX_PREFLIGHT.replace("{fields}", _request_fields(own_headers)),
        "CORS_OF_SERVICE": "".join(f"\n        proxy_hide_header {name};" for name in _OF_THE_SERVICE),
        "CORS_ANSWER": _NGINX_ANSWER,
    }


def caddy(origins: Sequence[str], own_headers: Sequence[str]) -> Mapping[str, str]:
    """Return the lines for these origins, by placeholder of the template."""
    if not origins:
        return dict.fromkeys(("CORS_MATCHERS", "CORS_ANSWER", "CORS_OF_SERVICE"), "")
    return {
        "CORS_MATCHERS": _CADDY_MATCHERS.format(origins="|".join(map(_pattern, origins))),
        "CORS_ANSWER": _CADDY_ANSWER.replace("{fields}", _request_fields(own_headers)),
        "CORS_OF_SERVICE": "\t\theader_down -Access-Control-*\n",
    }


def envoy(origins: Sequence[str], own_headers: Sequence[str]) -> Mapping[str, str]:
    """Return the lines for these origins, by placeholder of the template."""
    if not origins:
        return dict.fromkeys(("CORS_FILTER", "CORS_POLICY", "CORS_OF_SERVICE"), "")
    lines = "\n".join(f'                            - exact: "{origin}"' for origin in origins)
    return {
        "CORS_FILTER": _ENVOY_FILTER,
        "CORS_POLICY": _ENVOY_POLICY.format(origins=lines, **_fields(own_headers)),
        "CORS_OF_SERVICE": "".join(f'                        - "{name.lower()}"\n' for name in _OF_THE_SERVICE),
    }


def traefik(origins: Sequence[str], own_headers: Sequence[str]) -> Mapping[str, str]:
    """Return the lines for these origins, by placeholder of the template."""
    if not origins:
        return dict.fromkeys(("CORS_MIDDLEWARE", "CORS_OF_SERVICE"), "")
    listed = ", ".join(f'"{origin}"' for origin in origins)
    removed = "".join(f'          {name}: ""\n' for name in _OF_THE_SERVICE)
    return {
        "CORS_MIDDLEWARE": _TRAEFIK_MIDDLEWARE.format(origins=listed, **_fields(own_headers)),
        "CORS_OF_SERVICE": f"        customResponseHeaders:\n{removed}",
    }


def _request_fields(own_headers: Sequence[str]) -> str:
    return ", ".join((headers.AUTHORIZATION, "Content-Type", *own_headers, headers.REQUEST_ID, "*"))


def _fields(own_headers: Sequence[str]) -> dict[str, object]:
    fields = _request_fields(own_headers)
    return {"methods": _METHODS, "fields": fields, "exposed": _EXPOSED, "max_age": _MAX_AGE_SECONDS}


def _pattern(origin: str) -> str:
    """Return a regular expression that matches the origin, valid in both PCRE and RE2."""
    return re.sub(r"([.+\[\]])", r"\\\1", origin)
