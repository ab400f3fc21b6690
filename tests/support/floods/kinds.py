"""The kinds of floods. Each sends few requests a second, so that its own work hardly counts."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPConnection
from itertools import cycle, repeat
from typing import Final
from urllib.parse import urlencode

from latchkey.credentials import generate_key_id, generate_secret
from tests.support.raw_http import get_request, post_request

_CHECK: Final = "/v1/check?scope=orders:read"
_SIGN_IN: Final = "/admin/login/"
_LARGEST_FILE: Final = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
_TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)')
_COMMAS: Final = "," * 30_000
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Flood:
    """`connections` clients, each with a connection, that send what `requests` yields for the server on a port.

    If it `reads`, a client reads each response before it sends again, and all together send at most `per_second`
    requests a second. If not, a client sends once, reads nothing, and stays; `per_second` of those that the server
    disconnects return each second. With `together`, all clients send at the same moment. `addresses` is the number of
    addresses that they come from, and `opened_per_second` how many connections are opened at first.
    """

    name: str
    requests: Callable[[int], Iterator[bytes]]
    connections: int
    per_second: int
    reads: bool = True
    together: bool = False
    addresses: int = 1
    opened_per_second: int = 2000

    @property
    def pause_seconds(self) -> float:
        """Return the seconds from a client's request to its next."""
        return self.connections / self.per_second

    def of_one_client(self) -> "Flood":
        """Return what one client of the flood does, once a second."""
        return replace(self, connections=1, per_second=1)

    def address(self, number: int) -> str:
        """Return the address of client `number`, from 127.0.0.1 on: Linux has the whole of 127.0.0.0/8."""
        within = number % self.addresses
        return f"127.0.{within // 250}.{1 + within % 250}"


def _sign_ins(port: int) -> Iterator[bytes]:
    """Unknown users with passwords as long as the form takes."""
    token, cookie = _form(port)
    while True:
        values = {"csrfmiddlewaretoken": token, "username": secrets.token_hex(20), "password": "x" * 4000}
        yield post_request(_SIGN_IN, urlencode(values), cookie=cookie, content_type=_FORM)


def _form(port: int) -> tuple[str, str]:
    """Return the token and the cookie with which the form is sent."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", _SIGN_IN)
    response = connection.getresponse()
    cookie, found = response.headers["Set-Cookie"], _TOKEN.search(response.read().decode())
    connection.close()
    if found is None or cookie is None:
        raise RuntimeError(f"{_SIGN_IN} shows no form.")
    return found[1], cookie.partition(";")[0]


def _costly_headers(_port: int) -> Iterator[bytes]:
    """Lists that are as long as a header may be."""
    return cycle(
        [
            get_request(_CHECK, authorization="basic A," * 3700),
            get_request(_CHECK, authorization=_COMMAS),
            post_request("/v1/verify", "{}", accept=_COMMAS, content_type="application/json"),
        ]
    )


def _unknown_credentials(_port: int, path: str = _CHECK) -> Iterator[bytes]:
    """Well-formed, so that only the database can say that no key has them."""
    while True:
        yield get_request(path, x_api_key=f"{generate_key_id()}:{generate_secret()}")


FLOODS: Final = (
    Flood("sign-ins", _sign_ins, connections=64, per_second=100),
    Flood(
        "slow readers",
        lambda _: repeat(get_request(_LARGEST_FILE)),
        connections=1500,
        per_second=50,
        reads=False,
        opened_per_second=500,
    ),
    Flood("costly headers", _costly_headers, connections=64, per_second=300),
    Flood("/openapi.json", lambda _: repeat(get_request("/openapi.json")), connections=64, per_second=100),
    Flood(
        "unknown credentials together",
        _unknown_credentials,
        connections=2400,
        per_second=600,
        together=True,
        addresses=2400,
    ),
    Flood(
        "unknown credentials for REST",
        partial(_unknown_credentials, path="/v1/whoami"),
        connections=1200,
        per_second=300,
        together=True,
        addresses=1200,
    ),
    Flood(
        "idle connections", lambda _: repeat(b"GET /health HTTP/1.1\r\nA"), connections=4000, per_second=50, reads=False
    ),
    Flood("attempts over the limit", _unknown_credentials, connections=64, per_second=300),
)
