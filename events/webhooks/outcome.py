"""What came of one attempt to deliver."""

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
class Outcome:
    """The answer's status, or None without one, and "" or a short fixed text for what failed; never an answer's words.

    `refused` says that nothing was sent as no address was allowed; `retry_after_seconds` is the receiver's wish.
    """

    status: int | None = None
    error: str = ""
    refused: bool = False
    retry_after_seconds: int | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return not self.error

    @property
    def gone(self) -> bool:
        """Whether the receiver says that it is gone for ever (410)."""
        return self.status == GONE


def reason(error: BaseException) -> str:
    """The short text for a connection that could not be made or that broke."""
    causes = list(_causes(error))
    for kind, text in _REASONS:
        if any(isinstance(cause, kind) for cause in causes):
            return text
    return "connection broken"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__  # httpcore raises "from None"
