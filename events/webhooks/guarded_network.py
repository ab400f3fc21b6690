"""Network backend for webhooks: resolves every name here, and connects only to allowed addresses."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NoReturn

import httpcore
import structlog

from events.webhooks.addresses import Address, Network, is_allowed

CONNECT_SECONDS: Final = 3.0
Resolve = Callable[[str, int], Awaitable[list[Address]]]

# A hanging resolver holds its thread beyond the delivery's deadline. These threads are used for nothing else.
_RESOLVERS: Final = ThreadPoolExecutor(max_workers=64, thread_name_prefix="webhook-resolver")

log = structlog.get_logger(__name__)


class AddressNotAllowed(Exception):
    """The host has no address that a webhook may reach."""


async def resolve_host(host: str, port: int) -> list[Address]:
    """Return the addresses of `host`, in the resolver's order. Raise httpcore.ConnectError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(_RESOLVERS, socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError("host not found") from error
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Backend that connects to addresses within `networks` and, with `public`, to public ones.

    TLS is verified against the name, as usual.
    """

    def __init__(self, networks: Sequence[Network], *, public: bool, resolve: Resolve = resolve_host) -> None:
        self._networks = networks
        self._public = public
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first allowed address that answers. Raise AddressNotAllowed if none is allowed."""
        failure: Exception = httpcore.ConnectError("host not found")
        for address in await self._allowed_addresses(host, port):
            try:
                # Connect to the very address that was checked: if the name were resolved again, DNS rebinding
                # could replace it.
                return await self._inner.connect_tcp(str(address), port, CONNECT_SECONDS, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> NoReturn:
        raise AddressNotAllowed("address not allowed")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)

    async def _allowed_addresses(self, host: str, port: int) -> list[Address]:
        found = await self._resolve(host, port)
        allowed = [address for address in found if is_allowed(address, self._networks, public=self._public)]
        if found and not allowed:
            # For the operator only: users who manage webhooks must not learn the addresses of internal names.
            log.warning("webhook_address_refused", host=host, address=str(found[0]))
            raise AddressNotAllowed("address not allowed")
        return allowed
