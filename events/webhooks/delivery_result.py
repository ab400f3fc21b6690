"""Result of a delivery attempt."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpcore

GONE: Final = 410

_REASONS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (ssl.SSLCertVerificationError, "certificate not trusted"),
    (ssl.SSLError, "TLS failed"),
    (ConnectionRefusedError, "connection refused"),
    (socket.gaierror, "host not found"),
    (UnicodeError, "host not found"),
    (httpcore.ConnectError, "connection failed"),
)


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """Result of an attempt: the response's status, if there is one, and a short fixed text for a failure, or "".

    The text never quotes a response. `refused`: nothing was sent, because no address was allowed.
    `retry_after_seconds`: the receiver's Retry-After. `response_body`: the beginning of it, without secrets.
    """

    status: int | None = None
    error: str = ""
    refused: bool = False
    retry_after_seconds: int | None = None
    response_body: str = ""

    @property
    def delivered(self) -> bool:
        """Return whether the receiver accepted the message."""
        return not self.error

    @property
    def gone(self) -> bool:
        """Return whether the receiver is permanently gone (410)."""
        return self.status == GONE


def failure_reason(error: BaseException) -> str:
    """Return the short text for a connection that failed or broke."""
    causes = list(_causes(error))
    for kind, text in _REASONS:
        if any(isinstance(cause, kind) for cause in causes):
            return text
    return "connection broken"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # httpcore raises its errors "from None", so the original one is in __context__.
        error = error.__cause__ or error.__context__
