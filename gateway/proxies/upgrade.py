"""Upgrade lines of the proxy configurations: they block requests that try to upgrade their connection.

An upgrade turns one checked request into a raw connection (as in GHSA-w4v4-9rw7-5326): everything sent on it
afterwards reaches the service unchecked. So no upgrade is allowed, or with `--websocket` only WebSocket: the proxy
compares the whole value, and sends its own instead of the client's.
"""

from typing import Final

NGINX_NONE: Final = """\
        # An upgrade would turn one checked request into a raw connection.
        proxy_set_header Upgrade "";
        proxy_set_header Connection "";"""
NGINX_WEBSOCKET: Final = (
    """\
# A request may upgrade its connection only to a WebSocket.
map $http_upgrade $latchkey_upgrade {
    "~*^websocket$" websocket;
    default "";
}

map $latchkey_upgrade $latchkey_connection {
    websocket upgrade;
    default "";
}

""",
    """\
        proxy_set_header Upgrade $latchkey_upgrade;
        proxy_set_header Connection $latchkey_connection;""",
)
CADDY_NONE: Final = (
    """\
	# HTTP/2 requests a WebSocket with CONNECT (RFC 8441).
	@connect method CONNECT
""",
    """\
		respond @connect 405
		request_header -Connection
		request_header -Upgrade""",
)
CADDY_WEBSOCKET: Final = (
    """\
	@websocket {
		header Connection *pgrade*
		header_regexp Upgrade (?i)^websocket$
	}
	@stays not {
		header Connection *pgrade*
		header_regexp Upgrade (?i)^websocket$
	}
""",
    """\
		request_header @websocket Connection Upgrade
		request_header @websocket Upgrade websocket
		request_header @stays -Connection
		request_header @stays -Upgrade""",
)
ENVOY_WEBSOCKET: Final = """\
                # A request may upgrade its connection only to a WebSocket.
                upgrade_configs:
                  - upgrade_type: websocket
"""
TRAEFIK_WEBSOCKET: Final = """\
    latchkey-websocket:
      headers:
        customRequestHeaders:
          # Replaces what the client sent.
          Upgrade: "websocket"
          HTTP2-Settings: ""
"""
