"""Why Redis does not answer: an outage that ends by itself, or an address that can never work.

Asked at a start alone. A host that is down refuses, resets or is silent; one that is not known, that shows a
certificate of somebody else, or that speaks another protocol stays so until an operator changes something.
"""

import socket
import ssl
from typing import Final

from ratelimit.stores.redis.address import RedisAddress

SECONDS: Final = 2.0
_UNKNOWN: Final = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
# PING, as a server of any version answers it: +PONG, or an error such as -NOAUTH.
_PING: Final = b"*1\r\n$4\r\nPING\r\n"
_OF_REDIS: Final = (b"+", b"-", b"$", b"*", b":")


def permanent_fault(address: RedisAddress) -> str | None:
    """Return why the address can never work, in one sentence, or None if one of its hosts may be in an outage."""
    fault = None
    for host, port in address.hosts:
        fault = _fault(address, host, port)
        if fault is None:
            return None
    return fault


def _fault(address: RedisAddress, host: str, port: int) -> str | None:
    try:
        with socket.create_connection((host, port), timeout=SECONDS) as connection:
            if address.tls:
                with _context(address).wrap_socket(connection, server_hostname=host) as encrypted:
                    return _foreign(_answer(encrypted), host, port)
            answer = _answer(connection)
        if answer == b"":  # as a balancer does whose server is down, and a server that wants TLS
            return f"{host}:{port} wants TLS: use rediss://." if _wants_tls(host, port) else None
        return _foreign(answer, host, port)
    except socket.gaierror as error:
        return f"{host} is no known host. Correct the name." if error.errno in _UNKNOWN else None
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message or "it cannot be verified"
        return f"{host}:{port} shows a certificate that is not trusted: {reason}. Name its authority with ?ca=FILE."
    except OSError:  # a handshake that fails is one too
        return (
            f"{host}:{port} does not speak TLS. Perhaps redis:// is right." if _is_plain(address, host, port) else None
        )


def _is_plain(address: RedisAddress, host: str, port: int) -> bool:
    """Return whether a Redis without TLS answers where one with TLS is expected."""
    if not address.tls:
        return False
    try:
        with socket.create_connection((host, port), timeout=SECONDS) as connection:
            connection.sendall(_PING)
            return connection.recv(64).startswith(_OF_REDIS)
    except OSError:
        return False


def _context(address: RedisAddress) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(address.ca) if address.ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # as `clients` asks for
    return context


def _wants_tls(host: str, port: int) -> bool:
    """Return whether a handshake of TLS succeeds; whose certificate it is does not matter here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), timeout=SECONDS) as connection:
            context.wrap_socket(connection).close()
    except OSError:
        return False
    return True


def _answer(connection: socket.socket) -> bytes | None:
    """Return how the answer to a PING begins; nothing if the connection ends, None if nothing comes in time."""
    connection.settimeout(SECONDS)
    try:
        connection.sendall(_PING)
        return connection.recv(64)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


def _foreign(answer: bytes | None, host: str, port: int) -> str | None:
    """Return that what listens there is no Redis, if its answer says so."""
    return None if not answer or answer.startswith(_OF_REDIS) else f"{host}:{port} is no Redis. Correct the port."
