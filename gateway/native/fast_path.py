"""Fast path of /v1/check: all requests of one event loop iteration are decided in one bucket store operation."""

import asyncio
from collections.abc import Sequence
from contextvars import Context
from functools import partial
from time import perf_counter
from typing import Final

import structlog

from apikeys.batch_charging import ChargeRequest, ChargeResult
from apikeys.pending_authentication import AuthenticationResult
from gateway.check import credential_of
from gateway.native import lookups, metrics
from gateway.native.batching import Batcher
from gateway.native.check_head import CheckHead, parse_head
from gateway.native.check_responses import delayed, respond_all
from gateway.native.lookups import KeyLookup
from gateway.native.pending_check import PendingCheck, call_of_reply
from gateway.native.policy_refresh import PolicyRefresh
from httpserver.fast_path import FastPathEndpoint, Reply
from latchkey.credentials import Credential, CredentialError
from latchkey.request_id import new_request_id

# This many take far less than a millisecond in the bucket store, or a few milliseconds if all are denied.
MAX_BATCH: Final = 64

log = structlog.get_logger(__name__)


class _EndOfIteration:
    """Scheduler of one `_decide` call at the end of the event loop iteration, however many requests ask for it."""

    def __init__(self) -> None:
        self._is_due = False

    def call_soon(self) -> None:
        """Schedule the call, unless it is scheduled already."""
        if not self._is_due:
            self._is_due = True
            # An empty context: in that of the current request, log lines about other requests would get its
            # request and trace ID.
            asyncio.get_running_loop().call_soon(self._run, context=Context())

    def _run(self) -> None:
        self._is_due = False
        _decide()


_pending: list[PendingCheck] = []
_end_of_iteration: Final = _EndOfIteration()


def _accept(head: CheckHead, reply: Reply) -> bool:
    """Accept a request for /v1/check. Return False if the application must handle it instead.

    It is decided at the end of this event loop iteration if a cached record is enough, and otherwise after a key
    lookup. If the cache only has a stale record that allows the credential, return False. Also return False if it names
    a unit that this process does not know.

    No request is answered before this function returns, so requests behind it in a pipeline wait for it.
    """
    verified = error = None
    costs = head.parameters.costs
    if costs.others and not metrics.loop_authenticator().knows_units(costs):
        return False
    request_id = head.request_id or new_request_id().encode()
    try:
        credential = head.credential or credential_of(call_of_reply(reply, head.request_id))
        verified = metrics.loop_authenticator().authenticate_from_cache(credential)
        if verified is None:
            return _look_up(PendingCheck(reply, perf_counter(), request_id, head.parameters, None), credential)
    except CredentialError as found:
        error = found
    _end_of_iteration.call_soon()
    _pending.append(PendingCheck(reply, perf_counter(), request_id, head.parameters, verified, error))
    return True


CHECK_FAST_PATH: Final = FastPathEndpoint(parse_head, _accept)


def _look_up(pending: PendingCheck, credential: Credential) -> bool:
    """Queue a key lookup for the request. Return False if the application must handle it instead."""
    if not metrics.loop_authenticator().is_cold(credential):
        return False
    try:
        # The checksum is verified only when the lookup starts, because a thousand requests may arrive together.
        lookups.enqueue(KeyLookup(partial(_credential_and_address, pending), partial(_queue_result, pending)))
    except TimeoutError as error:
        _queue_result(pending, error)
    return True


def _credential_and_address(pending: PendingCheck) -> tuple[Credential, str]:
    """Return the credential, after checking its checksum, and the client's address."""
    call = call_of_reply(pending.reply, pending.request_id)
    return credential_of(call), call.address


def _queue_result(pending: PendingCheck, result: AuthenticationResult | Exception) -> None:
    """Queue a request for decision at the end of this event loop iteration, with the result of its key lookup."""
    verified, error = (None, result) if isinstance(result, Exception) else (result, None)
    _queue_late(pending._replace(verified=verified, error=error, looked_up=True))


def _queue_late(pending: PendingCheck) -> None:
    """Queue a request for decision at the end of this event loop iteration that has waited since an earlier one."""
    _end_of_iteration.call_soon()
    delayed.waiting += 1
    _pending.append(pending)


_policy_refresh: Final = PolicyRefresh(_queue_late)


def _decide() -> None:
    """Decide and respond to up to MAX_BATCH requests of this iteration. Leave the rest to the next iteration."""
    if metrics.loop_authenticator().store_is_remote:
        _batcher.flush()
        return
    batch = _pending[:MAX_BATCH]
    del _pending[:MAX_BATCH]
    if _pending:
        _end_of_iteration.call_soon()
    _respond(batch, _charge(batch))


async def _decide_remotely(batch: list[PendingCheck]) -> None:
    """Decide and respond to one batch with a remote bucket store."""
    chargeable = _chargeable(batch)
    try:
        charges = await metrics.loop_authenticator().charge_batch_on_loop(chargeable) if chargeable else []
    except Exception:
        log.exception("not_decided_at_once")
        charges = [None] * len(chargeable)
    _respond(batch, _aligned(batch, charges))


def _respond(batch: Sequence[PendingCheck], charges: Sequence[ChargeResult]) -> None:
    outdated = respond_all(batch, charges)
    if outdated:
        _policy_refresh.enqueue(outdated)


_batcher: Final = Batcher(_pending, _decide_remotely, MAX_BATCH)


def _charge(batch: Sequence[PendingCheck]) -> Sequence[ChargeResult]:
    """Return the bucket store's decisions, in the order of `batch`.

    A decision is None if the request has no verified credential. If the whole operation fails, all of them are
    None, and the application decides.
    """
    chargeable = _chargeable(batch)
    if not chargeable:
        return [None] * len(batch)
    try:
        return _aligned(batch, metrics.loop_authenticator().charge_batch(chargeable))
    except Exception:
        log.exception("not_decided_at_once")
        return [None] * len(batch)


def _chargeable(batch: Sequence[PendingCheck]) -> list[ChargeRequest]:
    return [(pending.verified, pending.parameters.costs) for pending in batch if pending.verified is not None]


def _aligned(batch: Sequence[PendingCheck], charges: Sequence[ChargeResult]) -> Sequence[ChargeResult]:
    """Return the charges, aligned with the requests of `batch`. A request without a credential has none."""
    if len(charges) == len(batch):
        return charges
    following = iter(charges)
    return [None if pending.verified is None else next(following) for pending in batch]
