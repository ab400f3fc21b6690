"""What one decision costs by the number of limits that it asks, next to the library `limits` with as many.

`python -m benchmarks.claims REDIS_URL ROUNDS TIMES` measures in the peers' environment, as `benchmarks.decision` does.
It prints the rounds as JSON.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Final

from benchmarks.measurement import Condition, CouldNotMeasure, Section, Series, interleaved, ratio, series_of
from benchmarks.servers import PEER_SETTINGS, output_of, peer_python
from tests.support.redis_server import RedisServer, running

COUNTS: Final = (0, 1, 2, 3, 8, 16)
COMPARED: Final = 3
BATCH: Final = 20
"""Requests that a worker decides in one call, if so many arrive in one iteration of its event loop."""

_KEYS: Final = tuple(f"lk_{number:012}" for number in range(500))
_SHARED: Final = ", shared by an owner's keys"
_BATCHED: Final = f", {BATCH} requests a call"
_MANY: Final = 10**9
_DAY: Final = 86400

Decide = Callable[[Sequence[str]], int]
"""Decides one request of each key, and returns how many are allowed."""


def sections(*, quick: bool) -> list[Section]:
    """Bound three limits by the time of `limits`, which asks for each limit separately."""
    rounds = ("5", "2") if quick else ("11", "10")
    redis = RedisServer()
    with running(redis):
        command = [peer_python(), "-m", "benchmarks.claims", redis.url, *rounds]
        measured = series_of(json.loads(output_of(command, {**os.environ, **PEER_SETTINGS})))
    by_name = {one.name: one for one in measured}
    base = by_name[_limits_name(COMPARED)]
    conditions = [
        Condition(f"{name} over {base.name}", ratio(by_name[name], base), "<=", bound) for name, bound in BOUNDS.items()
    ]
    return [Section("claims", "A decision by the number of limits", "µs", base.name, measured, conditions)]


def _name(store: str, count: int, how: str = "") -> str:
    return f"latchkey {store}, {count} limits{how}"


def _limits_name(count: int) -> str:
    return f"limits over redis://, {count} limits"


BOUNDS: Final = {_name("redis://", COMPARED, _BATCHED): 0.5, _name("lmdb://", COMPARED): 0.1}
"""Of the time that `limits` needs for as many limits over Redis."""


def _latchkey(url: Callable[[], str], count: int, *, shared: bool = False, batched: bool = False) -> Decide:
    """Ask the key's own limit and `count` limits of plans, every other one a quota. With `shared`, all keys have the
    same.
    """
    claim, limit = import_module("ratelimit.claim"), import_module("ratelimit.limit").Limit(10**6, 1)
    store = import_module("ratelimit.stores").open_store(url())
    rate = (claim.Term(claim.FOREVER_S, import_module("ratelimit.limit").Limit(_MANY, 1)),)
    ends_s = int(time.time()) + _DAY
    quota = tuple(claim.Term(end, None, _MANY, end) for end in (ends_s, ends_s + _DAY))

    def claims(key: str) -> tuple[Any, ...]:
        subject = "o:1" if shared else f"k:{key}"
        return tuple(
            claim.Claim(f"{subject}:{number}".encode(), number, 1, True, quota if number % 2 else rate)
            for number in range(count)
        )

    by_key = {key: (key.encode(), limit, 1, 0, 0, claims(key), 0) for key in _KEYS}
    for request in by_key.values():
        store.seed_quotas(
            [claim.QuotaUse(one.counter, one.definition, ends_s, 0) for one in request[5] if one.terms is quota]
        )
    if batched:
        return lambda keys: sum(outcome[0] for outcome in store.take_many([by_key[key][:6] for key in keys], 0))
    return lambda keys: sum(store.take(*by_key[key])[0] for key in keys)


def _limits(url: str, count: int) -> Decide:
    """Hit each limit in turn. A request that a later one refuses has been counted by the earlier ones."""
    storage = import_module("limits.storage").storage_from_string(url)
    hit = import_module("limits.strategies").FixedWindowRateLimiter(storage).hit
    per_second = import_module("limits").RateLimitItemPerSecond
    items = [per_second(_MANY, _DAY, namespace=str(number)) for number in range(count)]
    return lambda keys: sum(all(hit(item, key) for item in items) for key in keys)


def _candidates(directory: str, redis: str) -> dict[str, Callable[[], Decide]]:
    stores = {"lmdb://": lambda: f"lmdb://{mkdtemp(dir=directory)}", "redis://": lambda: redis}
    found: dict[str, Callable[[], Decide]] = {}
    for store, url in stores.items():
        for count in COUNTS:
            found[_name(store, count)] = partial(_latchkey, url, count)
        found[_name(store, 1, _SHARED)] = partial(_latchkey, url, 1, shared=True)
        found[_name(store, COMPARED, _BATCHED)] = partial(_latchkey, url, COMPARED, batched=True)
    return found | {_limits_name(count): partial(_limits, redis, count) for count in (1, COMPARED)}


def _microseconds(decide: Decide, times: int) -> float:
    """Return the time of one decision, over `times` decisions for each key."""
    gc.collect()
    gc.disable()
    started = time.perf_counter()
    allowed = sum(decide(_KEYS[start : start + BATCH]) for _ in range(times) for start in range(0, len(_KEYS), BATCH))
    seconds = time.perf_counter() - started
    gc.enable()
    if allowed != times * len(_KEYS):
        raise CouldNotMeasure(f"{allowed} of {times * len(_KEYS)} requests were allowed.")
    return seconds / allowed * 1e6


def measure(candidates: dict[str, Callable[[], Decide]], rounds: int, times: int) -> list[Series]:
    """Return the time of a decision of each candidate, in turn, after each key was used once."""
    decisions = {name: create() for name, create in candidates.items()}
    for decide in decisions.values():
        _microseconds(decide, 1)
    return interleaved({name: partial(_microseconds, decide, times) for name, decide in decisions.items()}, rounds)


def main(redis: str, rounds: int, times: int) -> None:
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        found = measure(_candidates(directory, redis), rounds, times)
    json.dump({series.name: series.rounds for series in found}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
