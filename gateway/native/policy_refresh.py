"""Refresh of the policies: requests that the bucket store didn't decide because policies are newer share one read."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog

from apikeys.authenticator import default_authenticator
from events.thread_pool import ThreadPool
from gateway.native.batching import Batcher
from gateway.native.pending_check import OutdatedCheck, PendingCheck

TIMEOUT_SECONDS: Final = 5.0
# All that wait: one read is enough for any number of them.
_MAX_BATCH: Final = 1 << 30

log = structlog.get_logger(__name__)

_THREAD: Final = ThreadPool("gateway-policies", 1, timeout_seconds=TIMEOUT_SECONDS)


class PolicyRefresh:
    """Reads policies on a thread, because the event loop must not wait for the database, and calls `decide` with each
    request that waited. If the database is down, the application handles these requests.
    """

    def __init__(self, decide: Callable[[PendingCheck], None]) -> None:
        self._decide = decide
        self._waiting: list[OutdatedCheck] = []
        self._batcher = Batcher(self._waiting, self._refresh, _MAX_BATCH, max_in_flight=1)

    def enqueue(self, checks: Sequence[OutdatedCheck]) -> None:
        """Let requests wait until the policies up to their numbers have been read."""
        self._waiting += checks
        self._batcher.flush()

    async def _refresh(self, batch: list[OutdatedCheck]) -> None:
        newest = max(number for _, number in batch)
        settle = self._decide
        try:
            await _THREAD.run(partial(default_authenticator().refresh_policies, newest))
        except Exception:  # noqa: BLE001 - the application meets the same error, and answers with it
            settle = _delegate
        for pending, _ in batch:
            try:
                settle(pending._replace(waited=True))
            except Exception:
                # The others must not wait because of this one.
                log.exception("answer_not_sent", request_id=pending.request_id.decode("latin-1"))
                pending.reply.abort()


def _delegate(pending: PendingCheck) -> None:
    pending.reply.delegate()
