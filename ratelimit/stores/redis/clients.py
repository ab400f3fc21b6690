"""redis-py clients for an address: a single server, the master that Sentinels name, or a Cluster.

The clients never retry a call. A request waits for one attempt only, and the caller handles the failure.
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

from ratelimit.stores.base import BucketStoreError, BucketStoreUnavailable
from ratelimit.stores.redis.address import RedisAddress
from ratelimit.stores.redis.pipelined_connection import PipelinedConnection

# redis-py reports a Cluster that is down with an exception that is not a RedisError.
_UNAVAILABLE: Final = (
    redis.ConnectionError, redis.TimeoutError, redis.exceptions.RedisClusterException, OSError, TimeoutError,
)  # fmt: skip
# The minimum for a connection, because a TLS handshake takes several round trips.
CONNECT_SECONDS: Final = 0.25
# Concurrent commands to a Cluster. Each takes a connection, and redis-py allows 100 per node.
_MAX_CONCURRENT: Final = 32


class _Classes(NamedTuple):
    """The redis-py classes of one flavor, synchronous or asynchronous."""

    # Typed as Any, because redis-py's own types are less precise than its behavior.
    single: Any
    sentinel: Any
    cluster: Any
    node: Any


_SYNC: Final = _Classes(redis.Redis, Sentinel, redis.RedisCluster, ClusterNode)
_ASYNC: Final = _Classes(redis_asyncio.Redis, AsyncSentinel, redis_asyncio.RedisCluster, AsyncClusterNode)


def connect(address: RedisAddress, timeout: float) -> Any:
    """Return a client that any thread may use. It opens no connection yet.

    `timeout` is the time for one response, in seconds.
    """
    options = _options(address, timeout) | {"retry": Retry(NoBackoff(), 0)}
    return _client(_SYNC, address, options)


async def open_async_commands(address: RedisAddress, timeout_seconds: float) -> "Commands":
    """Open a connection for the running event loop, and return an object that sends commands on it.

    A caller that gives up on a response has to close the returned object.
    """
    options = _options(address, timeout_seconds) | {"retry": AsyncRetry(NoBackoff(), 0), "socket_timeout": None}
    # No socket time-out: the caller limits the wait for all its commands together.
    client = _client(_ASYNC, address, options)
    try:
        if address.cluster:
            await client.initialize()
            return Commands(client, client.execute_command, None, Semaphore(_MAX_CONCURRENT))
        connection = PipelinedConnection(await client.connection_pool.get_connection())
        return Commands(client, connection.execute, connection, nullcontext())
    except BaseException:
        await client.aclose()
        raise


@dataclass(frozen=True, slots=True)
class Commands:
    """Open connection of an event loop.

    `execute` sends a command and returns an awaitable response, which may raise any Exception. Callers hold
    `concurrency_limit` while they wait for it.
    """

    client: Any
    execute: Callable[..., Awaitable[Any]]
    connection: PipelinedConnection | None
    concurrency_limit: AbstractAsyncContextManager[Any]

    async def close(self) -> None:
        """Close the connections. Callers that wait for a response get a ConnectionError."""
        if self.connection is not None:
            self.connection.close()
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


def as_store_error(address: RedisAddress, error: Exception) -> BucketStoreError:
    """Return the BucketStoreError that represents `error`.

    Every exception is accepted, because an unexpected response can make redis-py raise ValueError, TypeError and
    others.
    """
    # redis-py derives AuthenticationError from ConnectionError, but waiting doesn't fix a wrong password.
    away = isinstance(error, _UNAVAILABLE) and not isinstance(error, redis.AuthenticationError)
    # The server's message contains neither a password nor a key's name, so it can be logged.
    message = f"{address.redacted}: {type(error).__name__}: {str(error)[:200]}"
    return BucketStoreUnavailable(message) if away else BucketStoreError(message)
