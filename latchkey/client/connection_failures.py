"""Failures below HTTP: distinguishes TLS, DNS, a refused connection, a timeout and a lost connection."""

import socket
import ssl
from collections.abc import Iterator

import httpx

from latchkey.client.failures import NoResponse, RefusedConnection, TimedOut, UnknownHost, UntrustedServer


def connection_failure(error: httpx.TransportError, host: str) -> NoResponse:
    """Return the failure behind httpx's error. Its message names the host, and nothing that was sent."""
    if isinstance(error, httpx.ProxyError):
        return NoResponse(f"The proxy in front of {host} did not forward the call.")
    if isinstance(error, httpx.ConnectTimeout):
        return TimedOut(f"{host} did not accept the connection in time.")
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{host} accepted the call but did not respond in time.")
    if cause := cause_of_failure(error, host):
        return cause
    if isinstance(error, httpx.ConnectError):
        return NoResponse(f"{host} cannot be reached.")
    return NoResponse(f"{host} closed the connection before it responded.")


def cause_of_failure(error: BaseException, host: str) -> NoResponse | None:
    """Return the failure if TLS, DNS or a refused connection is what caused the error, otherwise None."""
    # Libraries wrap the errors of ssl and socket, so the exact cause is further down the chain.
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UntrustedServer(f"The certificate of {host} is invalid: {cause.verify_message}.")
        if isinstance(cause, ssl.SSLError):
            return UntrustedServer(f"{host} offers no TLS that this machine accepts ({cause.reason}).")
        if isinstance(cause, socket.gaierror):
            return UnknownHost(f"{host} has no address.")
        if isinstance(cause, ConnectionRefusedError):
            return RefusedConnection(f"Nothing listens at {host}.")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, then what caused it, and so on."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
