"""Redis address: the parts of a `redis://` or `rediss://` BUCKET_STORE_URL."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_PORT: Final = 6379
DEFAULT_SENTINEL_PORT: Final = 26379
DEFAULT_PREFIX: Final = "latchkey:"
TIMEOUT_SECONDS: Final = 0.05
ADDRESS_FORMAT: Final = "redis://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][/DB][?prefix=,sentinel=,cluster=,ca=]"

_SCHEMES: Final = {"redis": False, "rediss": True}
_OPTIONS: Final = frozenset(("prefix", "sentinel", "cluster", "ca"))
_MAX_PREFIX: Final = 64
_MAX_DB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Address of Redis: a single server, a master that Sentinels know, or a Cluster.

    `hosts` is one server. With `sentinel`, the name of a master, they are Sentinels. With `cluster` they are nodes
    of a Cluster. `prefix` starts the name of every key, in braces for counters of a key's plan, so that other
    applications can share the server. `ca` is a file of CA certificates that replaces the system's, for `rediss://`.
    """

    hosts: tuple[tuple[str, int], ...]
    tls: bool
    db: int = 0
    username: str | None = None
    password: str | None = None
    sentinel: str | None = None
    cluster: bool = False
    prefix: str = DEFAULT_PREFIX
    ca: Path | None = None

    def __repr__(self) -> str:
        # The generated repr would show the password in logs and tracebacks.
        return self.redacted

    @property
    def redacted(self) -> str:
        """Return the address without user name and password, for logs and errors."""
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{'rediss' if self.tls else 'redis'}://{hosts}"


def parse_address(url: str) -> RedisAddress:
    """Return the address that `url` represents, in the form of ADDRESS_FORMAT.

    Raises ValueError. Its message contains nothing of the URL, because that may hold a password.
    """
    # urlsplit treats everything after # as a fragment, so part of a password would be dropped silently.
    if "#" in url:
        raise ValueError("must not contain # (write %23 in a password)")
    parts = urlsplit(url)
    credentials, _, host_list = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    options = _options(parts.query)
    cluster = _flag(options.get("cluster", "false"))
    sentinel = options.get("sentinel")
    # Sentinels listen on a port of their own.
    port = DEFAULT_SENTINEL_PORT if sentinel else DEFAULT_PORT
    address = RedisAddress(
        hosts=tuple(_host(entry, port) for entry in host_list.split(",")),
        tls=_SCHEMES[parts.scheme],
        db=_db(parts.path),
        username=unquote(username) or None,
        password=unquote(password) or None,
        sentinel=sentinel,
        cluster=cluster,
        prefix=_prefix(options.get("prefix", DEFAULT_PREFIX)),
        ca=Path(options["ca"]) if "ca" in options else None,
    )
    _check_combination(address)
    return address


def _check_combination(address: RedisAddress) -> None:
    # Redis Cluster has a single database, numbered 0.
    if address.cluster and (address.sentinel or address.db):
        raise ValueError("with cluster=true can have neither sentinel= nor a database number")
    if len(address.hosts) > 1 and not (address.cluster or address.sentinel):
        raise ValueError("has several hosts, so it needs sentinel=NAME or cluster=true")
    if address.ca is not None and not address.tls:
        raise ValueError("can have ca= only with rediss://")
    if address.ca is not None and not address.ca.is_file():
        raise ValueError("names a file in ca= that does not exist")


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - _OPTIONS:
        # Only the number of unknown options is shown: their names come from the URL.
        raise ValueError(f"has unknown options ({len(unknown)}); the options are {', '.join(sorted(_OPTIONS))}")
    if any(not value for value in options.values()):
        raise ValueError("has an option without a value")
    return options


def _flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("can have only cluster=true or cluster=false")
    return value == "true"


def _host(entry: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{entry}")
        host, port = parts.hostname, parts.port or default_port
    except ValueError:
        host = None
    if not host or parts.path or not host.isascii() or not host.isprintable() or " " in host:
        raise ValueError(f"must be {ADDRESS_FORMAT}")
    return host, port


def _db(path: str) -> int:
    number = path.removeprefix("/") or "0"
    if not (number.isascii() and number.isdigit() and int(number[:9]) < _MAX_DB and len(number) < 8):
        raise ValueError("can have only a database number as its path")
    return int(number)


def _prefix(prefix: str) -> str:
    if len(prefix) > _MAX_PREFIX or not prefix.isascii() or not prefix.isprintable() or set(prefix) & set(" {}*?[]\\"):
        raise ValueError("can have a prefix of up to 64 printable characters, without blanks and {}*?[]\\")
    return prefix
