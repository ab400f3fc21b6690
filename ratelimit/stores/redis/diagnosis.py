"""Diagnosis of a Redis that does not respond: a temporary outage, or an address that can never work.

It runs only when the server starts. A host that is down refuses, resets or ignores connections. An unknown host
name, an untrusted certificate or another protocol stays wrong until an operator changes something.
"""

import socket
import ssl
from typing import Final

from ratelimit.stores.redis.address import RedisAddress

TIMEOUT_SECONDS: Final = 2.0
_UNKNOWN: Final = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
# Servers of every version respond to PING: +PONG, or an error such as -NOAUTH.
_PING: Final = b"*1\r\n$4\r\nPING\r\n"
_REDIS_PREFIXES: Final = (b"+", b"-", b"$", b"*", b":")


def permanent_fault(address: RedisAddress) -> str | None:
    """Return why the address can never work, in one sentence, or None if it may be an outage."""
    fault = None
    for host, port in address.hosts:
        # One host that may be in an outage is enough: with Sentinel or Cluster the others may be wrong.
        fault = _host_fault(address, host, port)
        if fault is None:
            return None
    return fault


def _host_fault(address: RedisAddress, host: str, port: int) -> str | None:
    """Return why this host and port can never work, or None if they may be in an outage."""
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as connection:
            if address.tls:
                with _tls_context(address).wrap_socket(connection, server_hostname=host) as encrypted:
                    return _not_redis(_ping_response(encrypted), host, port)
            response = _ping_response(connection)
        # A connection that ends without a response is ambiguous: a server that requires TLS closes it, and so does
        # a load balancer whose server is down.
        if response == b"":
            return f"{host}:{port} requires TLS: use rediss://." if _requires_tls(host, port) else None
        return _not_redis(response, host, port)
    except socket.gaierror as error:
        return f"{host} is not a known host. Correct the name." if error.errno in _UNKNOWN else None
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message or "it cannot be verified"
        return f"{host}:{port} has a certificate that is not trusted: {reason}. Set its authority with ?ca=FILE."
    # A failed TLS handshake is an OSError too.
    except OSError:
        return f"{host}:{port} does not use TLS. Try redis://." if _is_plain(address, host, port) else None


def _is_plain(address: RedisAddress, host: str, port: int) -> bool:
    """Return whether a Redis without TLS responds at an address that says TLS."""
    if not address.tls:
        return False
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(_PING)
            return connection.recv(64).startswith(_REDIS_PREFIXES)
    except OSError:
        return False


def _tls_context(address: RedisAddress) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(address.ca) if address.ca else None)
    # The same minimum as in `clients`.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _requires_tls(host: str, port: int) -> bool:
    """Return whether a TLS handshake succeeds. The certificate is not verified."""
    context = ssl.create_default_context()
    # Only the protocol matters here: no data is sent.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as connection:
            context.wrap_socket(connection).close()
    except OSError:
        return False
    return True


def _ping_response(connection: socket.socket) -> bytes | None:
    """Return the start of the response to a PING; empty if the connection ends, None if nothing comes in time."""
    connection.settimeout(TIMEOUT_SECONDS)
    try:
        connection.sendall(_PING)
        return connection.recv(64)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


def _not_redis(response: bytes | None, host: str, port: int) -> str | None:
    """Return a sentence that the server is not Redis if its response shows that, or None otherwise."""
    return (
        None
        if not response or response.startswith(_REDIS_PREFIXES)
        else f"{host}:{port} is not Redis. Correct the port."
    )
