"""Values of a proxy configuration, validated so that none of them can inject configuration syntax."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from apikeys.validation import MAX_SCOPES, is_scope
from gateway.check_parameters import MAX_QUERY
from latchkey.credential_headers import DEFAULT, CredentialHeaders
from latchkey.origin import ORIGIN_FORMAT, is_origin
from ratelimit.limit import MAX_BURST

_HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]"
_ADDRESS: Final = re.compile(rf"http://({_HOST})(?::([0-9]{{1,5}}))?/?")
_UNIX: Final = re.compile(r"unix:(/[A-Za-z0-9._/-]{1,106})")
_PUBLIC_URL: Final = re.compile(rf"https?://(?:{_HOST})(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9._~-]+)*/?")
_MAX_PUBLIC_URL: Final = 1000
_PORTS: Final = range(1, 65536)
_MAX_ORIGINS: Final = 64
_MAX_HYPHENS: Final = 5


class NotUsable(ValueError):
    """A value that can't be used in a configuration. The message names it and says what is allowed."""


@dataclass(frozen=True, slots=True)
class Address:
    """Host and port of a server, or the path of its Unix socket."""

    host: str
    port: int
    path: str = ""

    @classmethod
    def of(cls, url: str, option: str) -> "Address":
        """Return the address in a URL. Raise NotUsable, which names `option`, if the URL has another form."""
        match = _ADDRESS.fullmatch(url)
        port = int(match[2] or 80) if match else 0
        if match is None or port not in _PORTS:
            raise NotUsable(f"{option} must be http://HOST or http://HOST:PORT, without a path. Add TLS yourself.")
        return cls(match[1].strip("[]"), port)

    @classmethod
    def of_latchkey(cls, url: str) -> "Address":
        """Return the address in --latchkey, which may also be unix:/PATH. Raise NotUsable."""
        if found := _UNIX.fullmatch(url):
            return cls("localhost", 80, found[1])
        if url.startswith("unix:"):
            raise NotUsable("--latchkey must be unix:/PATH with letters, digits and ._/- in PATH.")
        return cls.of(url, "--latchkey")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Values:
    """Values for a configuration.

    `latchkey` are the addresses of one or more nodes. `public_url` is the base of problem type URIs, as in
    Latchkey's own responses. `websocket` allows upgrades to WebSocket; no other upgrade is ever allowed. Pages of
    `cors_origins` may call the service. `keep_authorization` leaves the Authorization field to the service.
    `credential_headers` are the fields in which Latchkey looks for a credential.
    """

    upstream: Address
    latchkey: tuple[Address, ...]
    public_url: str
    scopes: tuple[str, ...] = ()
    cost: int = 1
    listen: int = 8080
    websocket: bool = False
    cors_origins: tuple[str, ...] = ()
    keep_authorization: bool = False
    credential_headers: CredentialHeaders = DEFAULT

    def __post_init__(self) -> None:
        if not all(map(is_scope, self.scopes)) or len(self.scopes) > MAX_SCOPES:
            raise NotUsable(
                f"--scope must have the form orders:read: lower case, with one colon; up to {MAX_SCOPES} of them."
            )
        # Measure the longest form: with the `allow` or `deny` parameter that some proxies add.
        if len(self.query(allow="200")) > MAX_QUERY:
            raise NotUsable(f"--scope is too long: all scopes must fit into a query of {MAX_QUERY} bytes.")
        if not 1 <= self.cost <= MAX_BURST:
            raise NotUsable(f"--cost must be from 1 to {MAX_BURST}.")
        if self.listen not in _PORTS:
            raise NotUsable("--listen must be a port from 1 to 65535.")
        if not all(map(is_origin, self.cors_origins)):
            raise NotUsable(f"--cors-origin must be {ORIGIN_FORMAT}")
        if len(self.cors_origins) > _MAX_ORIGINS:
            raise NotUsable(f"--cors-origin can be used at most {_MAX_ORIGINS} times.")
        if len(self.latchkey) > 1 and any(node.path for node in self.latchkey):
            raise NotUsable("--latchkey: a Unix socket is that of one server on this host; name no other.")
        self._check_credential_headers()
        if not _PUBLIC_URL.fullmatch(self.public_url) or len(self.public_url) > _MAX_PUBLIC_URL:
            raise NotUsable("PUBLIC_URL cannot be used in a proxy's configuration: it must be http(s)://HOST[:PORT].")

    def _check_credential_headers(self) -> None:
        if self.keep_authorization and not self.credential_headers.own_names:
            raise NotUsable("--keep-authorization: CREDENTIAL_HEADERS has only Authorization. Add another field to it.")
        if any(name.count("-") > _MAX_HYPHENS for name in self.credential_headers.own_names):
            # Each hyphen doubles the number of spellings that have to be removed.
            raise NotUsable(f"CREDENTIAL_HEADERS: a name has more than {_MAX_HYPHENS} hyphens.")

    @property
    def leaves_authorization(self) -> bool:
        """Return whether Latchkey doesn't look for a credential in Authorization, so that it is for the service."""
        return self.keep_authorization or not self.credential_headers.has_authorization

    @property
    def own_headers(self) -> tuple[str, ...]:
        """Return the names of the fields that are for Latchkey alone."""
        return self.credential_headers.own_names

    def query(self, **also: str) -> str:
        """Return the query string for /v1/check, with the parameters in `also` first."""
        parameters = [*also.items(), *(("scope", scope) for scope in self.scopes)]
        if self.cost != 1:
            parameters.append(("cost", str(self.cost)))
        return urlencode(parameters, safe=":*")
