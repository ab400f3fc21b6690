"""API client of one run of the command. This module loads httpx, which `--help` doesn't need."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from latchkey.cli.errors import CLIError
from latchkey.cli.verbose_log import log_attempt
from latchkey.client.address import server_url
from latchkey.client.attempt import ignore_attempt
from latchkey.client.client import Client
from latchkey.client.retries import NO_RETRIES, RetryPolicy
from latchkey.credentials import Credential

_WAITING: Final = RetryPolicy(attempts=10, longest_wait_seconds=3600.0)
_NOT_WAITING: Final = RetryPolicy(attempts=3, longest_wait_seconds=0.5)
"""Below the shortest Retry-After, so that a throttled call fails immediately without --wait."""


def check_url(url: str) -> str:
    """Return the server's address in its usual form. Raises CLIError if it isn't one."""
    try:
        return server_url(url)
    except ValueError as error:
        remedy = "Set it with --url, LATCHKEY_URL, or url in a profile of the configuration file."
        raise CLIError("The URL is invalid", f"Refused: {error}.", remedy) from None


def open_client(
    url: str,
    credential: Credential | None,
    *,
    api_key_header: str,
    request_id: str,
    timeout_seconds: float,
    wait: bool,
    verbose: bool,
    say: Callable[[str], None],
    retries: bool = True,
) -> Client:
    """Return a client of the server at `url`. Nothing is sent yet. Raises CLIError.

    With `wait` a throttled call is repeated later, without `retries` no call, and with `verbose` every attempt
    is logged. `say` writes a message to standard error.
    """
    try:
        client = Client(
            url,
            credential,
            api_key_header=api_key_header,
            timeout_seconds=timeout_seconds,
            retries=(_WAITING if wait else _NOT_WAITING) if retries else NO_RETRIES,
            observe=log_attempt if verbose else ignore_attempt,
            sleep=partial(_sleep, say),
        )
    except (OSError, ValueError, ImportError) as error:
        remedy = "Check SSL_CERT_FILE, SSL_CERT_DIR and the proxy variables."
        raise CLIError(
            "The environment's TLS or proxy settings are invalid", f"{type(error).__name__}.", remedy
        ) from None
    return client.with_request_id(request_id)


def _sleep(say: Callable[[str], None], seconds: float) -> None:
    # A short pause between attempts isn't worth a line.
    if seconds > 1:
        say(f"waiting {seconds:.0f} s")
    time.sleep(seconds)
