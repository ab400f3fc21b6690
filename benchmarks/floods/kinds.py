"""Floods that are measured. They send few requests per second, so that the attacker itself takes little CPU time."""

import re
import secrets
from collections.abc import Iterator
from functools import partial
from http.client import HTTPConnection
from itertools import cycle, repeat
from typing import Final
from urllib.parse import urlencode

from benchmarks import paths
from benchmarks.failure import CouldNotMeasure
from benchmarks.floods.flood import Flood
from benchmarks.load import get_request
from latchkey.credentials import generate_key_id, generate_secret

_SIGN_IN: Final = "/admin/login/"
_LARGEST_FILE: Final = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
_TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)')
_COMMAS: Final = "," * 30_000
_FORM: Final = "application/x-www-form-urlencoded"


def _sign_ins(port: int) -> Iterator[bytes]:
    """Yield sign-ins of unknown users, with passwords of nearly the maximum length."""
    token, cookie = _form(port)
    while True:
        values = {"csrfmiddlewaretoken": token, "username": secrets.token_hex(20), "password": "x" * 4000}
        yield _post(_SIGN_IN, urlencode(values), cookie=cookie, content_type=_FORM)


def _form(port: int) -> tuple[str, str]:
    """Return the CSRF token and the cookie that the sign-in form needs. Raise CouldNotMeasure without a form."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", _SIGN_IN)
    response = connection.getresponse()
    cookie, found = response.headers["Set-Cookie"], _TOKEN.search(response.read().decode())
    connection.close()
    if found is None or cookie is None:
        raise CouldNotMeasure(f"{_SIGN_IN} shows no form.")
    return found[1], cookie.partition(";")[0]


def _costly_headers(_port: int) -> Iterator[bytes]:
    """Yield requests with headers that are lists of nearly the maximum length."""
    return cycle(
        [
            get_request(paths.CHECK, authorization="basic A," * 3700),
            get_request(paths.CHECK, authorization=_COMMAS),
            _post("/v1/verify", "{}", accept=_COMMAS, content_type="application/json"),
        ]
    )


def _unknown_credentials(_port: int, path: str = paths.CHECK) -> Iterator[bytes]:
    """Yield requests with random credentials."""
    # They are well-formed, so that only a lookup in the database reveals that they are unknown.
    while True:
        yield get_request(path, x_api_key=f"{generate_key_id()}:{generate_secret()}")


def _post(path: str, body: str, **fields: str) -> bytes:
    head = get_request(path, content_length=str(len(body)), **fields)
    return head.replace(b"GET", b"POST", 1) + body.encode()


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
