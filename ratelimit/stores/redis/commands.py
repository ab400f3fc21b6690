"""Commands and scripts of the bucket store in Redis, and the conversion of every error to a BucketStoreError."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import redis

from ratelimit.limit import NS_PER_SECOND
from ratelimit.stores.base import BucketStoreError, Clock
from ratelimit.stores.redis import layout
from ratelimit.stores.redis.address import TIMEOUT_SECONDS, RedisAddress
from ratelimit.stores.redis.clients import as_store_error, connect
from ratelimit.stores.redis.key_names import KeyNames
from ratelimit.stores.redis.layout import SERVER_CLOCK
from ratelimit.stores.redis.scripts import Script


class RedisCommands:
    """Access to Redis at `address`. Threads can share one instance.

    `clock` replaces the server's clock in tests. `timeout` is the time for one response, in seconds.
    """

    def __init__(self, address: RedisAddress, clock: Clock | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        self.url = address.redacted
        self.address = address
        self.timeout = timeout
        self.keys = KeyNames(address)
        self._clock = clock

    def time_argument(self) -> bytes:
        """Return the time as an argument for a script; by default it names the server's clock."""
        return layout.encode_time(self._clock()) if self._clock else SERVER_CLOCK

    def now_ns(self) -> int:
        """Return the server's time in nanoseconds since the Unix epoch."""
        if self._clock is not None:
            return self._clock()
        with self._store_errors():
            seconds, microseconds = self._client.time(**self._one_node)
        return int(seconds) * NS_PER_SECOND + int(microseconds) * 1000

    def close(self) -> None:
        """Close the connections. The next call opens them again."""
        if "_client" in self.__dict__:
            self.__dict__.pop("_client").close()

    @cached_property
    def _client(self) -> Any:
        return connect(self.address, self.timeout)

    @property
    def _one_node(self) -> dict[str, Any]:
        return {"target_nodes": redis.RedisCluster.RANDOM} if self.address.cluster else {}

    def _run(self, script: Script, names: Sequence[bytes], arguments: Sequence[Any]) -> Any:
        with self._store_errors():
            try:
                return self._client.evalsha(script.sha, len(names), *names, *arguments)
            except redis.exceptions.NoScriptError:
                # The server restarted or failed over and lost its scripts. EVAL loads this one again.
                return self._client.eval(script.text, len(names), *names, *arguments)

    def _values(self, names: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of several keys; None for one that doesn't exist or is of another type."""
        if self.address.cluster:
            return list(self._client.mget_nonatomic(names))
        return list(self._client.mget(names))

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        """Convert every exception of redis-py to a BucketStoreError."""
        try:
            yield
        except BucketStoreError:
            raise
        except Exception as error:
            raise as_store_error(self.address, error) from error
