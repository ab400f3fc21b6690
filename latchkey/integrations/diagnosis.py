"""Diagnosis of a verification without a verdict: whether Latchkey is down, and what an operator reads in the log."""

from typing import Final

from latchkey.client.failures import ClientError, LocalFailure, NoResponse, ReceivedProblem, UntrustedServer
from latchkey.problem_catalogue import CREDENTIAL_PROBLEMS

_MAX_MESSAGE: Final = 300
_OWN_KEY_PROBLEMS: Final = (*CREDENTIAL_PROBLEMS, "insufficient-scope")


def is_outage(failure: ClientError) -> bool:
    """Return whether Latchkey is down or slow, as opposed to being called in a wrong way."""
    if isinstance(failure, NoResponse):
        return not isinstance(failure, UntrustedServer)
    return failure.status is not None and failure.status >= 500


def diagnosis(failure: ClientError) -> str:
    """Return what is wrong and, if it's this service's own configuration, how to fix it."""
    # Another server may have written the message, so it must not add lines to the log.
    message = " ".join(str(failure).split())[:_MAX_MESSAGE]
    if is_outage(failure):
        return f"Latchkey can't verify a request: {message}"
    if isinstance(failure, LocalFailure):
        return f"Latchkey can't be used at LATCHKEY_URL: {message} {failure.remedy}"
    if isinstance(failure, ReceivedProblem) and failure.slug in _OWN_KEY_PROBLEMS:
        remedy = "Set it to the credential of an active key with the scope verify."
        return f"Latchkey rejects this service's own key, LATCHKEY_API_KEY ({failure.slug}): {message} {remedy}"
    if isinstance(failure, ReceivedProblem) and failure.status == 429:
        return f"Latchkey throttles the calls of this service with LATCHKEY_API_KEY: {message} {failure.remedy}"
    remedy = "Check LATCHKEY_URL, and the scopes and the cost that the request needs."
    return f"Latchkey rejects the call of this service: {message} {remedy}"
