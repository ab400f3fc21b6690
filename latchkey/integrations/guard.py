"""Guards: they verify a request with Latchkey, and return its outcome."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

from latchkey.client.async_client import AsyncClient
from latchkey.client.client import Client
from latchkey.client.failures import ClientError
from latchkey.integrations.configuration import Configuration
from latchkey.integrations.incoming import IncomingRequest
from latchkey.integrations.needs import Needs
from latchkey.integrations.outcome import Allowed, Denied, Outcome
from latchkey.integrations.policy import Policy
from latchkey.integrations.visit import Visit


class Guard:
    """Guard that blocks the calling thread. All threads of a process share its connections."""

    def __init__(self, configuration: Configuration) -> None:
        self.policy = Policy(configuration)
        self._configuration = configuration
        # A process that was forked must not use the connections of its parent, which uses them itself.
        self._opened: dict[int, Client] = {}

    def check(
        self,
        request: IncomingRequest,
        scopes: Sequence[str] = (),
        cost: int = 1,
        costs: Mapping[str, int] | None = None,
        whole: Mapping[str, int] | None = None,
    ) -> Outcome:
        """Return the outcome for a request that needs `scopes`, and whose key pays `cost` tokens, `costs` by unit.

        `whole` is the cost with what the request has paid before: if it's denied now, it has to pay all of it.
        """
        begun = self.policy.begin(request, scopes)
        if isinstance(begun, (Allowed, Denied)):
            return begun
        try:
            found = self._client().verify(begun, scopes=scopes, cost=cost, costs=costs, request_id=request.request_id)
        except ClientError as error:
            failure = error
        else:
            return self.policy.decide(request, found, scopes, whole)
        return self.policy.without_verdict(request, failure)

    def admit(self, request: IncomingRequest, needs: Needs, visit: Visit) -> Outcome:
        """Return the outcome at one of several places that guard a request. The key pays what it hasn't paid yet."""
        begun = visit.begin(self.policy, request, needs)
        if isinstance(begun, (Allowed, Denied)):
            return begun
        outcome = self.check(request, begun.scopes, begun.tokens, begun.other_costs, visit.whole(begun))
        return visit.end(outcome, begun)

    def close(self) -> None:
        """Close the connections. The next check opens others."""
        opened, self._opened = self._opened, {}
        client = opened.get(os.getpid())
        if client is not None:
            client.close()

    def _client(self) -> Client:
        # Without a lock: a process that is forked while another thread holds it could never take it.
        process = os.getpid()
        client = self._opened.get(process)
        if client is None:
            settings = self._configuration
            opened = Client(
                settings.url,
                settings.credential,
                timeout_seconds=settings.timeout_seconds,
                max_connections=settings.max_connections,
            )
            # Another thread may have been faster. A client that makes no call has no connection to close.
            client = self._opened.setdefault(process, opened)
            self._opened = {process: client}
        return client


class AsyncGuard:
    """Guard that suspends the calling task. All tasks of an event loop share its connections."""

    def __init__(self, configuration: Configuration) -> None:
        self.policy = Policy(configuration)
        self._configuration = configuration
        # Connections belong to the event loop in which they were opened.
        self._opened: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncClient] = WeakKeyDictionary()

    async def check(
        self,
        request: IncomingRequest,
        scopes: Sequence[str] = (),
        cost: int = 1,
        costs: Mapping[str, int] | None = None,
        whole: Mapping[str, int] | None = None,
    ) -> Outcome:
        """Return the outcome for a request that needs `scopes`, and whose key pays `cost` tokens, `costs` by unit.

        `whole` is the cost with what the request has paid before: if it's denied now, it has to pay all of it.
        """
        begun = self.policy.begin(request, scopes)
        if isinstance(begun, (Allowed, Denied)):
            return begun
        try:
            found = await self._client().verify(
                begun, scopes=scopes, cost=cost, costs=costs, request_id=request.request_id
            )
        except ClientError as error:
            failure = error
        else:
            return self.policy.decide(request, found, scopes, whole)
        return self.policy.without_verdict(request, failure)

    async def admit(self, request: IncomingRequest, needs: Needs, visit: Visit) -> Outcome:
        """Return the outcome at one of several places that guard a request. The key pays what it hasn't paid yet."""
        begun = visit.begin(self.policy, request, needs)
        if isinstance(begun, (Allowed, Denied)):
            return begun
        outcome = await self.check(request, begun.scopes, begun.tokens, begun.other_costs, visit.whole(begun))
        return visit.end(outcome, begun)

    async def aclose(self) -> None:
        """Close the connections of the running event loop. The next check opens others."""
        client = self._opened.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _client(self) -> AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._opened.get(loop)
        if client is None:
            settings = self._configuration
            client = self._opened[loop] = AsyncClient(
                settings.url,
                settings.credential,
                timeout_seconds=settings.timeout_seconds,
                max_connections=settings.max_connections,
            )
        return client
