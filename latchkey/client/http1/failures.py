"""Failures of calls over connections of the client's own."""

from latchkey.client.connection_failures import cause_of_failure
from latchkey.client.failures import ClientError, NoResponse, NotJSON, TimedOut
from latchkey.client.http1.malformed import ConnectionLost, MalformedResponse, ResponseTooLarge
from latchkey.client.http1.response_parser import ResponseParser

EXCHANGE_ERRORS = (OSError, ConnectionLost, MalformedResponse, ResponseTooLarge)


def connect_failure(error: OSError, host: str) -> NoResponse:
    """Return the failure of an attempt to connect to `host`."""
    if isinstance(error, TimeoutError):
        return TimedOut(f"{host} did not accept the connection in time.")
    return cause_of_failure(error, host) or NoResponse(f"{host} cannot be reached.")


def pool_failure(host: str) -> TimedOut:
    """Return the failure of a call that found all connections in use until its time was over."""
    return TimedOut(f"All connections to {host} are in use, and none became free in time.")


def exchange_failure(error: Exception, host: str, parser: ResponseParser, max_body_bytes: int) -> ClientError:
    """Return the failure of a request that may have been sent to `host`."""
    if isinstance(error, ResponseTooLarge):
        return NotJSON(f"The response has more than {max_body_bytes} bytes.")
    if isinstance(error, MalformedResponse):
        return NoResponse(f"The response of {host} is not valid HTTP.")
    if isinstance(error, TimeoutError):
        if parser.has_begun:
            return TimedOut(f"{host} sends its response too slowly.")
        return TimedOut(f"{host} accepted the call but did not respond in time.")
    closed = NoResponse(f"{host} closed the connection before it responded.")
    return (isinstance(error, OSError) and cause_of_failure(error, host)) or closed
