"""Names of the gateway's candidates in the report, and the bounds of their ratios."""

from typing import Final

CHECK: Final = "/v1/check"
BARE: Final = "bare ASGI answer"
LIMIT_REQ: Final = "nginx limit_req, 1 process"
AUTH_REQUEST: Final = "/v1/check through nginx"
PEER: Final = "DRF API key and throttle on Redis"

OVER_BARE: Final = 0.8
OVER_LIMIT_REQ: Final = 0.4
OVER_PEER: Final = 40
THROUGH_NGINX: Final = 0.6
MANY_KEYS: Final = 1.15

WORKERS: Final = 2
APPLICATION: Final = "benchmarks.gateway.app:application"
