"""Authenticator of the event loop: it decides what needs neither the database nor a network."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

import structlog

from apikeys.authenticator import Authenticator, default_authenticator
from apikeys.credential_check import Verified
from gateway.native import metrics
from latchkey.credentials import Credential
from ratelimit.claim import Undecided
from ratelimit.costs import Costs
from ratelimit.decision import Decision

_Result = TypeVar("_Result")

log = structlog.get_logger(__name__)


class NeedsThread(Exception):
    """Only a thread can decide, because something has to be read. Nothing was taken or counted."""


class LoopAuthenticator:
    """The methods of `Authenticator` that decide about a request. They never wait, and raise NeedsThread instead."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator: Final = authenticator

    @property
    def waits_for_store(self) -> bool:
        """Return whether a charge would wait for a network, so that `charge` must not be called."""
        return self._authenticator.store_is_remote

    def authenticate_and_charge(self, credential: Credential, _address: str, costs: Costs) -> tuple[Verified, Decision]:
        """Authenticate the credential with a cached record, and take `costs`."""
        return self.charge(self.reauthenticate(credential, refresh=False), None, costs)

    def reauthenticate(self, credential: Credential, *, refresh: bool) -> Verified:
        """Return the key of a credential that a cached record confirms."""
        verified = None if refresh else self._authenticator.authenticate_from_cache(credential)
        if verified is None:
            raise NeedsThread
        return verified

    def charge(self, verified: Verified, _address: str | None, costs: Costs) -> tuple[Verified, Decision]:
        """Take `costs`. Raises CostExceedsBurst and BucketStoreError."""
        if costs.others and not self._authenticator.knows_units(costs):
            raise NeedsThread
        try:
            (result,) = self._authenticator.charge_batch([(verified, costs)])
        except Exception:
            log.exception("not_decided_at_once")
            raise NeedsThread from None
        # A thread reads what is missing, such as newer policies, and then decides.
        if result is None or isinstance(result, Undecided):
            raise NeedsThread
        if isinstance(result, Exception):
            raise result
        return verified, result


async def decide(
    work: Callable[[Authenticator | LoopAuthenticator], _Result],
    on_thread: Callable[[Callable[[], _Result]], Awaitable[_Result]],
) -> _Result:
    """Return the result of `work`, which is done on the event loop if that has to wait for nothing.

    Flush the metrics afterwards.
    """
    authenticator = metrics.loop_authenticator()
    if not authenticator.store_is_remote:
        try:
            return work(LoopAuthenticator(authenticator))
        except NeedsThread:
            pass
    return await on_thread(partial(work, default_authenticator()))
