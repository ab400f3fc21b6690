"""Redis or Valkey bucket store: exact across all hosts, by the server's clock, with one round trip per operation."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from threading import local
from typing import Any, Final
from uuid import uuid4

import redis

from ratelimit.bucket import CostExceedsBurst, Outcome, Record, TakeRequest, convert_debt
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.stores.base import BucketStoreAway, BucketStoreError, Clock, OutcomeUnknown, Taken
from ratelimit.stores.redis import layout
from ratelimit.stores.redis.address import TIMEOUT_SECONDS, RedisAddress
from ratelimit.stores.redis.call_sequence import CLOSED, Line
from ratelimit.stores.redis.clients import connect, failure
from ratelimit.stores.redis.keys import Keys, Question
from ratelimit.stores.redis.layout import CHANGE, SERVERS_CLOCK, SHIFT, TAKE, OtherLimit, Script

_SCAN_BATCH: Final = 1000
_ATTEMPTS: Final = 5
_INDEXED_SECONDS: Final = 3600
_PROBE: Final = b"probe"
# take.lua updates a key's entry in the index only once in this time.
_WINDOW_SECONDS: Final = 5
# The same value as in take.lua.
_LINE_SECONDS: Final = 86_400


class RedisStore:
    """Bucket store in Redis. Threads can share one instance.

    `clock` replaces the server's clock in tests.
    """

    shared = True
    remote = True
    rolls_back = True
    confirms_epochs = True

    def __init__(self, address: RedisAddress, clock: Clock | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        self.url = address.shown
        self.address = address
        self.timeout = timeout
        self.keys = Keys(address)
        self._clock = clock
        self._lines = local()

    def time_argument(self) -> bytes:
        """Return the time as an argument for a script; by default it names the server's clock."""
        return layout.time_argument(self._clock()) if self._clock else SERVERS_CLOCK

    def now_ns(self) -> int:
        if self._clock is not None:
            return self._clock()
        with self._failing():
            seconds, microseconds = self._client.time(**self._one_node)
        return int(seconds) * NS_PER_SECOND + int(microseconds) * 1000

    def generation(self) -> str:
        with self._failing():
            self._client.set(self.keys.generation, uuid4().hex, nx=True)
            return bytes(self._client.get(self.keys.generation) or b"").decode("ascii")

    def take(self, key: bytes, limit: Limit | None, cost: int = 1, epoch: int = 0, slot: int = 0) -> Outcome:
        asked = (key, limit, cost, epoch, slot)
        # Another process may change the limit again between the conversion and the next attempt.
        for _ in range(_ATTEMPTS):
            try:
                return layout.single(self._ask([asked])[0])
            except OtherLimit:
                self.convert(key, limit)
        raise BucketStoreError(f"{self.url}: the limit of a key keeps changing")

    def take_many(self, asked: Sequence[TakeRequest]) -> list[Taken]:
        return [self._settled(one, taken) for one, taken in zip(asked, self._ask(asked), strict=True)]

    def peek(self, key: bytes) -> Record:
        with self._failing():
            return layout.load(self._client.get(self.keys.record(key)))

    def set_epoch(self, key: bytes, epoch: int) -> None:
        self._change(key, b"set_epoch", epoch)

    def reset(self, key: bytes) -> None:
        self._change(key, b"reset")

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        since = ("", "") if unused_since_ns is None else divmod(unused_since_ns, NS_PER_SECOND)
        self._change(key, b"forget", *since, index=self.keys.index(key))

    def shift_debt(self, key: bytes, limit: Limit, tokens: int) -> None:
        """Add `tokens` to the debt of the key's bucket, up to a full bucket. A bucket under another limit stays
        unchanged.
        """
        shift = layout.shift_argument(limit, tokens, back=False, count=0)
        self._run(SHIFT, *self.keys.shift_arguments([(key, shift)], self.time_argument()))

    def new_line(self) -> Line | None:
        """Return a new line for runs of take.lua; None with Cluster."""
        # A test's clock doesn't advance like the server's, so deadlines would make no sense with it.
        return self.keys.new_line(None if self._clock else self.timeout)

    def close_line(self, line: bytes) -> int:
        """Prevent all further runs of this line from being executed, and return the number of the last one that was."""
        with self._failing():
            return int(self._client.set(line, CLOSED, ex=_LINE_SECONDS, get=True) or 0)

    def convert(self, key: bytes, limit: Limit | None) -> None:
        """Convert the debt of the key's bucket to `limit`."""
        if limit is None:
            return
        known, now_ns = self.peek(key), self.now_ns()
        debt = convert_debt(limit, known.tat_ns, known.fraction, known.limit_code, now_ns)
        ahead_ns, fraction = divmod(debt, limit.ticks)
        found = layout.bucket_argument(known.limit_code, known.tat_ns, known.fraction)
        wanted = layout.bucket_argument(limit.code, now_ns + ahead_ns, fraction)
        # Compare and set: the script writes only if the bucket is still the one that was read. Otherwise the
        # caller repeats.
        self._change(key, b"replace_bucket", found, wanted)

    def usage(self, prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        """Yield records in no particular order. If there is an index, only keys used since `since_ns` are read."""
        with self._failing():
            names = iter(self._names(prefix, since_ns))
            while batch := list(islice(names, _SCAN_BATCH)):
                for name, raw in zip(batch, self._records(batch), strict=True):
                    key = self.keys.of_record(name)
                    if raw is not None and key.startswith(prefix):
                        yield key, layout.load(raw)

    def tidy(self) -> None:
        """Remove keys from the index that were not used for an hour."""
        # No reader of the index looks back further than an hour.
        if self.keys.used is not None:
            oldest = self.now_ns() // NS_PER_SECOND - _INDEXED_SECONDS
            with self._failing():
                self._client.zremrangebyscore(self.keys.used, "-inf", oldest)

    def rebuilt(self) -> None:
        """Return None: there is no file on this host."""

    def ping(self) -> None:
        """Run a decision for a key that does not exist. Raises BucketStoreError."""
        # PING alone is not enough: a server may respond to it and still reject writes, for example a replica.
        self.take(_PROBE, None)

    def close(self) -> None:
        if "_client" in self.__dict__:
            self.__dict__.pop("_client").close()

    @cached_property
    def _client(self) -> Any:
        return connect(self.address, self.timeout)

    @property
    def _one_node(self) -> dict[str, Any]:
        return {"target_nodes": redis.RedisCluster.RANDOM} if self.address.cluster else {}

    def _ask(self, asked: Sequence[TakeRequest]) -> list[Taken | OtherLimit]:
        now = self.time_argument()
        answers: list[Taken | OtherLimit] = []
        for together in self.keys.together([(one, layout.request_argument(one)) for one in asked]):
            told = self._take(together, now)
            with self._failing():
                answers += layout.outcomes_of([one for one, _ in together], told)
        return answers

    def _take(self, questions: Sequence[Question], now: bytes) -> Any:
        """Run take.lua once, on the line of this thread. Raises OutcomeUnknown if no response comes."""
        line: Line | None = getattr(self._lines, "of_thread", None) or self.new_line()
        self._lines.of_thread = line
        run = None if line is None else line.next_run()
        try:
            told = self._run(TAKE, *self.keys.take_arguments(questions, now, run))
        except BucketStoreAway as error:
            # The line ends here. The next run starts a new one, so this one can be closed to find out what
            # happened.
            self._lines.of_thread = None
            raise OutcomeUnknown(str(error), run) from error
        if line is not None and run is not None:
            with self._failing():
                line.note_server_time(run, layout.server_ns(told))
        return told

    def _settled(self, asked: TakeRequest, taken: Taken | OtherLimit) -> Taken:
        if not isinstance(taken, OtherLimit):
            return taken
        try:
            return self.take(*asked)
        except (CostExceedsBurst, BucketStoreError) as refusal:
            return refusal

    def _change(self, key: bytes, *arguments: Any, index: bytes | None = None) -> None:
        self._run(CHANGE, [self.keys.record(key), *([index] if index else [])], arguments)

    def _run(self, script: Script, names: Sequence[bytes], arguments: Sequence[Any]) -> Any:
        with self._failing():
            try:
                return self._client.evalsha(script.sha, len(names), *names, *arguments)
            except redis.exceptions.NoScriptError:
                # The server restarted or failed over and lost its scripts. EVAL loads this one again.
                return self._client.eval(script.text, len(names), *names, *arguments)

    def _names(self, prefix: bytes, since_ns: int) -> Iterable[bytes]:
        index = self.keys.index(prefix)
        if index is None or (index == self.keys.used and since_ns == 0):
            scanned: Iterable[bytes] = self._client.scan_iter(match=self.keys.pattern(prefix), count=_SCAN_BATCH)
            return scanned
        # An index entry can be older than the key's last use by this much.
        since = since_ns // NS_PER_SECOND - _WINDOW_SECONDS
        return list(self._client.zrangebyscore(index, since if since_ns else "-inf", "+inf"))

    def _records(self, names: Sequence[bytes]) -> list[bytes | None]:
        if self.address.cluster:
            return list(self._client.mget_nonatomic(names))
        return list(self._client.mget(names))

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Convert every exception of redis-py to a BucketStoreError."""
        try:
            yield
        except BucketStoreError:
            raise
        except Exception as error:
            raise failure(self.address, error) from error
