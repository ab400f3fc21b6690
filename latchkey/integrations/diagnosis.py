"""Diagnosis of a verification without a verdict: whether Latchkey is down, and what an operator reads in the log."""

from typing import Final
from urllib.parse import urlsplit

from latchkey.client.failures import (
    ClientError,
    LocalFailure,
    NoResponse,
    ReceivedProblem,
    UnexpectedResponse,
    UntrustedServer,
)
from latchkey.problem_catalogue import CREDENTIAL_PROBLEMS
from latchkey.redaction import redact_tokens

_MAX_MESSAGE: Final = 300
_MAX_PATH: Final = 100
_CHECK_ADDRESS: Final = (
    "Check that LATCHKEY_URL is the address of a Latchkey server, and check the proxy in front of it."
)
_OWN_KEY_PROBLEMS: Final = (*CREDENTIAL_PROBLEMS, "insufficient-scope")


def is_outage(failure: ClientError) -> bool:
    """Return whether Latchkey is down or slow, as opposed to being called in a wrong way."""
    if isinstance(failure, NoResponse):
        return not isinstance(failure, UntrustedServer)
    return failure.status is not None and failure.status >= 500


def diagnosis(failure: ClientError, url: str) -> str:
    """Return what is wrong and, if it's this service's own configuration, how to fix it. `url` is LATCHKEY_URL."""
    # Another server may have written the message, so it must not add lines to the log.
    message = " ".join(str(failure).split())[:_MAX_MESSAGE]
    if is_outage(failure):
        # Latchkey itself always responds with a problem.
        foreign = f" {_CHECK_ADDRESS}" if isinstance(failure, UnexpectedResponse) else ""
        return f"Latchkey can't verify a request: {message}{foreign}{_about_path(url) if foreign else ''}"
    if isinstance(failure, UnexpectedResponse):
        return f"Latchkey can't be used at LATCHKEY_URL: {message} {_CHECK_ADDRESS}{_about_path(url)}"
    if isinstance(failure, LocalFailure):
        return f"Latchkey can't be used at LATCHKEY_URL: {message} {failure.remedy}"
    if isinstance(failure, ReceivedProblem) and failure.slug in _OWN_KEY_PROBLEMS:
        remedy = "Set it to the credential of an active key with the scope verify."
        return f"Latchkey rejects this service's own key, LATCHKEY_API_KEY ({failure.slug}): {message} {remedy}"
    if isinstance(failure, ReceivedProblem) and failure.status == 429:
        return f"Latchkey throttles the calls of this service with LATCHKEY_API_KEY: {message} {failure.remedy}"
    remedy = "Check LATCHKEY_URL, and the scopes and the cost that the request needs."
    return f"Latchkey rejects the call of this service: {message} {_about_path(url).strip() or remedy}"


def _about_path(url: str) -> str:
    """Return what to do about the path of LATCHKEY_URL, or an empty string if it has none."""
    path = redact_tokens(urlsplit(url).path)[:_MAX_PATH]
    return f" LATCHKEY_URL has the path {path}: leave it out, unless a proxy adds it." if path else ""
