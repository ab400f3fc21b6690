"""Clients of redis-py for an address: one server, the master that Sentinels name, or a Cluster.

No call is tried again by the client: a request waits for one attempt and no longer, and what fails is for the caller
to answer.
"""

import ssl
from asyncio import Semaphore
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import redis
from redis import asyncio as redis_asyncio
from redis.asyncio.cluster import ClusterNode as AsyncClusterNode
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import Sentinel

from ratelimit.stores.base import BucketStoreAway, BucketStoreError
from ratelimit.stores.redis.address import RedisAddress
from ratelimit.stores.redis.link import Link

# redis-py tells of a Cluster that is away by an exception that is no RedisError.
_AWAY: Final = (
    redis.ConnectionError, redis.TimeoutError, redis.exceptions.RedisClusterException, OSError, TimeoutError,
)  # fmt: skip
CONNECT_SECONDS: Final = 0.25  # at the least: a handshake of TLS is several round trips
_AT_ONCE: Final = 32  # commands to a Cluster, each of which takes a connection; redis-py allows 100 a node


class _Classes(NamedTuple):
    """redis-py's classes, which come twice: their types say less than they do, so they are Any here."""

    single: Any
    sentinel: Any
    cluster: Any
    node: Any


_SYNC: Final = _Classes(redis.Redis, Sentinel, redis.RedisCluster, ClusterNode)
_ON_LOOP: Final = _Classes(redis_asyncio.Redis, AsyncSentinel, redis_asyncio.RedisCluster, AsyncClusterNode)


def connect(address: RedisAddress, timeout: float) -> Any:
    """A client that any thread may use; `timeout` is in seconds, and that of one answer. Nothing is opened yet."""
    options = _options(address, timeout) | {"retry": Retry(NoBackoff(), 0)}
    return _client(_SYNC, address, options)


async def commands_on_loop(address: RedisAddress, patience: float) -> "Commands":
    """A way to send commands from the event loop, which is open. Whoever waits for an answer gives it up by closing."""
    options = _options(address, patience) | {"retry": AsyncRetry(NoBackoff(), 0), "socket_timeout": None}
    client = _client(_ON_LOOP, address, options)
    try:
        if address.cluster:
            await client.initialize()
            return Commands(client, client.execute_command, None, Semaphore(_AT_ONCE))
        link = Link(await client.connection_pool.get_connection())
        return Commands(client, link.ask, link, nullcontext())
    except BaseException:
        await client.aclose()
        raise


@dataclass(frozen=True, slots=True)
class Commands:
    """`ask` sends a command, within `at_once`, and what it returns is awaited for the answer. It may raise any
    Exception.
    """

    client: Any
    ask: Callable[..., Awaitable[Any]]
    link: Link | None
    at_once: AbstractAsyncContextManager[Any]

    async def close(self) -> None:
        """Closes the connections; who waits gets a ConnectionError."""
        if self.link is not None:
            self.link.close()
        await self.client.aclose()


def _client(classes: _Classes, address: RedisAddress, options: dict[str, Any]) -> Any:
    if address.cluster:
        return classes.cluster(startup_nodes=[classes.node(host, port) for host, port in address.hosts], **options)
    if address.sentinel:
        sentinels = classes.sentinel(list(address.hosts), sentinel_kwargs=dict(options), **options)
        return sentinels.master_for(address.sentinel, db=address.db)
    host, port = address.hosts[0]
    return classes.single(host=host, port=port, db=address.db, **options)


def _options(address: RedisAddress, timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        "socket_timeout": timeout,
        "socket_connect_timeout": max(timeout, CONNECT_SECONDS),
        "socket_keepalive": True,
        "protocol": 2,
        "decode_responses": False,
    }
    if address.tls:
        options |= {"ssl": True, "ssl_min_version": ssl.TLSVersion.TLSv1_2}
        if address.ca is not None:
            options["ssl_ca_certs"] = str(address.ca)
    return options


def failure(address: RedisAddress, error: Exception) -> BucketStoreError:
    """What an exception is for a store, whichever it is: a server that says what nobody expects makes redis-py raise
    ValueError, TypeError and others. The server's words hold no password and no key's name.
    """
    away = isinstance(error, _AWAY) and not isinstance(error, redis.AuthenticationError)
    words = f"{address.shown}: {type(error).__name__}: {str(error)[:200]}"
    return BucketStoreAway(words) if away else BucketStoreError(words)
