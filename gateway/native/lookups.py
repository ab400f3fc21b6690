"""Batched key lookups for credentials that no cached record allows: all waiting lookups share one query.

A burst of unknown credentials, or of known ones after a restart, therefore costs a worker little, and other
requests are handled between two queries.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Final, NamedTuple

from apikeys.authenticator import Verdict, Verified, default_authenticator
from events.threads import WorkThreads
from gateway.native.batching import Batcher
from latchkey.credentials import Credential

PATIENCE_SECONDS: Final = 5.0
MOST_WAITING: Final = 1000
# A query for this many takes 2 ms of Python, and their responses 3 ms of the event loop. Others wait no longer.
MOST_TOGETHER: Final = 32

_THREAD: Final = WorkThreads("gateway-look-ups", 1, patience_seconds=PATIENCE_SECONDS)


class LookUp(NamedTuple):
    """A request that waits for its key lookup.

    `read` returns its credential and the client's address, or raises CredentialError. `settle` is called with the
    verdict or with an exception, and must not raise.
    """

    read: Callable[[], tuple[Credential, str]]
    settle: Callable[[Verdict | Exception], None]


def ask(look_up: LookUp) -> None:
    """Queue a key lookup. Raise TimeoutError if MOST_WAITING are queued already."""
    if len(_waiting) >= MOST_WAITING:
        raise TimeoutError(f"{len(_waiting)} credentials are already waiting for a lookup")
    _waiting.append(look_up)
    _rounds.go_on()


async def verify(credential: Credential, address: str) -> Verified:
    """Look up the credential's key. Raise what `Authenticator.verify` raises, or TimeoutError if the queue is full."""
    verdict: asyncio.Future[Verdict | Exception] = asyncio.get_running_loop().create_future()
    ask(LookUp(lambda: (credential, address), partial(_settle, verdict)))
    found = await verdict
    if isinstance(found, Exception):
        raise found
    return found


def _settle(verdict: asyncio.Future[Verdict | Exception], found: Verdict | Exception) -> None:
    # It is done already if its request was cancelled.
    if not verdict.done():
        verdict.set_result(found)


async def _look_up(batch: list[LookUp]) -> None:
    """Look up one batch."""
    started = perf_counter()
    asked, settles = [], []
    for one in batch:
        try:
            asked.append(one.read())
            settles.append(one.settle)
        except Exception as error:  # noqa: BLE001 - it is about this request alone
            one.settle(error)
    for settle, verdict in zip(settles, await _verdicts(asked), strict=True):
        settle(verdict)
    if _waiting:
        # Pause for as long as the batch took, so that other requests get Python's global interpreter lock.
        await asyncio.sleep(perf_counter() - started)


async def _verdicts(asked: list[tuple[Credential, str]]) -> list[Verdict] | list[Exception]:
    if not asked:
        return []
    try:
        return await _THREAD.run(partial(default_authenticator().verify_together, asked))
    except Exception as error:  # noqa: BLE001 - each request answers with it, as with one of its own
        return [error] * len(asked)


_waiting: Final[list[LookUp]] = []
_rounds: Final = Batcher(_waiting, _look_up, MOST_TOGETHER, under_way=1)
