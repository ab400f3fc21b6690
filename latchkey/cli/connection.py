"""API client of one run: the server, the key, the request ID, and how long to wait."""

import time
from functools import partial
from typing import Final

from latchkey.cli.api_key import read_key
from latchkey.cli.configuration import Unchosen
from latchkey.cli.invocation import Invocation
from latchkey.cli.refusal import Refusal
from latchkey.cli.verbose_log import log_call
from latchkey.client.address import in_the_clear, server_url
from latchkey.client.call import observe_nothing
from latchkey.client.client import Client
from latchkey.client.retries import RetryPolicy
from latchkey.credentials import Credential

_WAITING: Final = RetryPolicy(attempts=10, longest_wait_seconds=3600.0)
_NOT_WAITING: Final = RetryPolicy(attempts=3, longest_wait_seconds=0.5)
"""Below the shortest Retry-After, so that a throttled call fails immediately without --wait."""


def connect(invocation: Invocation, *, with_key: bool) -> Client:
    """Return the client of this run. Nothing is sent yet. Raises Refusal and MalformedCredential."""
    try:
        url = server_url(invocation.url)
    except ValueError as error:
        remedy = "Set it with --url, LATCHKEY_URL, or url in a profile of the configuration file."
        raise Refusal("The URL is invalid", f"Refused: {error}.", remedy) from None
    credential = _key(invocation) if with_key else None
    if credential is not None and in_the_clear(url):
        invocation.say("warning: http:// sends the key unencrypted; use https://.")
    try:
        client = Client(
            url,
            credential,
            timeout_seconds=invocation.timeout_seconds,
            retries=_WAITING if invocation.options.wait else _NOT_WAITING,
            observe=log_call if invocation.options.verbose else observe_nothing,
            sleep=partial(_sleep, invocation),
        )
    except (OSError, ValueError, ImportError) as error:
        remedy = "Check SSL_CERT_FILE, SSL_CERT_DIR and the proxy variables."
        raise Refusal(
            "The environment's TLS or proxy settings are invalid", f"{type(error).__name__}.", remedy
        ) from None
    return client.with_request_id(invocation.request_id)


def _key(invocation: Invocation) -> Credential:
    given = invocation.options.api_key or invocation.profile.api_key
    try:
        return read_key(given, typed=invocation.options.typed_key)
    except Refusal as refusal:
        unchosen = invocation.profile
        # A file with profiles of which none is chosen is the likely reason why the key is missing.
        raise (unchosen.refusal if isinstance(unchosen, Unchosen) else refusal) from None


def _sleep(invocation: Invocation, seconds: float) -> None:
    # A short pause between attempts isn't worth a line.
    if seconds > 1:
        invocation.say(f"waiting {seconds:.0f} s")
    time.sleep(seconds)
