"""Look-ups of credentials for which nothing in memory speaks: all that wait share a query.

A crowd of unknown credentials, or of keys after a restart, so costs a worker little, and other requests come between
one query and the next.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Final, NamedTuple

from apikeys.gate import Verdict, Verified, default_gate
from controlplane.gateway_door.rounds import Rounds
from events.threads import WorkThreads
from latchkey.credentials import Credential

PATIENCE_SECONDS: Final = 5.0
MOST_WAITING: Final = 1000
# A query for so many takes 2 ms of Python, and their answers 3 ms of the event loop: others wait for no more.
MOST_TOGETHER: Final = 32

_THREAD: Final = WorkThreads("gateway-look-ups", 1, patience_seconds=PATIENCE_SECONDS)


class LookUp(NamedTuple):
    """A request that waits. `read` returns its credential and the address that tries it, or raises CredentialError;
    `settle` is called with the verdict, or with any other exception, and must not raise.
    """

    read: Callable[[], tuple[Credential, str]]
    settle: Callable[[Verdict | Exception], None]


def ask(look_up: LookUp) -> None:
    """Has a credential looked up. Raises TimeoutError if MOST_WAITING wait already."""
    if len(_waiting) >= MOST_WAITING:
        raise TimeoutError(f"{len(_waiting)} credentials wait already to be looked up")
    _waiting.append(look_up)
    _rounds.go_on()


async def verify(credential: Credential, address: str) -> Verified:
    """The credential's key, as `Gate.verify`, whose exceptions it raises. Also TimeoutError, as `ask`."""
    verdict: asyncio.Future[Verdict | Exception] = asyncio.get_running_loop().create_future()
    ask(LookUp(lambda: (credential, address), partial(_settle, verdict)))
    found = await verdict
    if isinstance(found, Exception):
        raise found
    return found


def _settle(verdict: asyncio.Future[Verdict | Exception], found: Verdict | Exception) -> None:
    if not verdict.done():  # as it is if its request was cancelled
        verdict.set_result(found)


async def _look_up(batch: list[LookUp]) -> None:
    """A round. If more wait, it pauses for as long as it took, so that Python's lock is free for other requests."""
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
        await asyncio.sleep(perf_counter() - started)


async def _verdicts(asked: list[tuple[Credential, str]]) -> list[Verdict] | list[Exception]:
    if not asked:
        return []
    try:
        return await _THREAD.run(partial(default_gate().verify_together, asked))
    except Exception as error:  # noqa: BLE001 - each request answers with it, as with one of its own
        return [error] * len(asked)


_waiting: Final[list[LookUp]] = []
_rounds: Final = Rounds(_waiting, _look_up, MOST_TOGETHER, under_way=1)
