"""Batched key lookups for credentials that no cached record allows: all waiting lookups share two queries.

A burst of unknown credentials, or of known ones after a restart, therefore costs a worker little, and other
requests are handled between two queries.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from functools import partial
from time import perf_counter
from typing import Final, NamedTuple

from apikeys.authenticator import default_authenticator
from apikeys.credential_check import Verified
from apikeys.pending_authentication import AuthenticationResult
from events.thread_pool import ThreadPool
from gateway.native.batching import Batcher
from latchkey.credentials import Credential

TIMEOUT_SECONDS: Final = 5.0
MAX_WAITING: Final = 1000
# The queries for this many take a few milliseconds of Python, and so do their responses on the event loop. Others wait
# no longer.
MAX_BATCH: Final = 50

_THREAD: Final = ThreadPool("gateway-look-ups", 1, timeout_seconds=TIMEOUT_SECONDS)


class KeyLookup(NamedTuple):
    """A request that waits for its key lookup.

    `read` returns its credential and the client's address, or raises CredentialError. `resolve` is called with the
    result or with an exception, and must not raise.
    """

    read: Callable[[], tuple[Credential, str]]
    resolve: Callable[[AuthenticationResult | Exception], None]


def enqueue(lookup: KeyLookup) -> None:
    """Queue a key lookup, for the end of this event loop iteration. Raise TimeoutError if MAX_WAITING are queued."""
    if len(_waiting) >= MAX_WAITING:
        raise TimeoutError(f"{len(_waiting)} credentials are already waiting for a lookup")
    _waiting.append(lookup)
    # Not now, so that all of this iteration go together. An empty context: log lines about the batch must not get the
    # request ID of one of its requests.
    asyncio.get_running_loop().call_soon(_batcher.flush, context=Context())


async def authenticate(credential: Credential, address: str) -> Verified:
    """Look up the credential's key.

    Raise what `Authenticator.authenticate` raises, or TimeoutError if the queue is full.
    """
    future: asyncio.Future[AuthenticationResult | Exception] = asyncio.get_running_loop().create_future()
    enqueue(KeyLookup(lambda: (credential, address), partial(_set_result, future)))
    found = await future
    if isinstance(found, Exception):
        raise found
    return found


def _set_result(
    future: asyncio.Future[AuthenticationResult | Exception], found: AuthenticationResult | Exception
) -> None:
    # It is done already if its request was cancelled.
    if not future.done():
        future.set_result(found)


async def _look_up(batch: list[KeyLookup]) -> None:
    """Look up one batch."""
    started = perf_counter()
    credentials, callbacks = [], []
    for lookup in batch:
        try:
            credentials.append(lookup.read())
            callbacks.append(lookup.resolve)
        except Exception as error:  # noqa: BLE001 - it is about this request alone
            lookup.resolve(error)
    for resolve, result in zip(callbacks, await _authenticate(credentials), strict=True):
        resolve(result)
    if _waiting:
        # Pause for as long as the batch took, so that other requests get Python's global interpreter lock.
        await asyncio.sleep(perf_counter() - started)


async def _authenticate(credentials: list[tuple[Credential, str]]) -> list[AuthenticationResult] | list[Exception]:
    if not credentials:
        return []
    try:
        return await _THREAD.run(partial(_look_up_all, credentials))
    except Exception as error:  # noqa: BLE001 - each request answers with it, as with one of its own
        return [error] * len(credentials)


def _look_up_all(credentials: list[tuple[Credential, str]]) -> list[AuthenticationResult]:
    authenticator = default_authenticator()
    # Before the first decision of this process: the event loop can't read them.
    authenticator.read_policies()
    return authenticator.authenticate_batch(credentials)


_waiting: Final[list[KeyLookup]] = []
_batcher: Final = Batcher(_waiting, _look_up, MAX_BATCH, max_in_flight=1)
