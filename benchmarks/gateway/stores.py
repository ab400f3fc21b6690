"""What the bucket store costs a check: a Latchkey for each store."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from benchmarks.gateway.peers import PATH
from benchmarks.gateway.wrk import CONNECTIONS, Wrk, run_evenly
from benchmarks.installation import installation
from benchmarks.load import workers_of
from benchmarks.measurement import Condition, Section, ratio, series_of
from tests.support.redis_server import RedisServer, running

BASE: Final = "lmdb://"
REDIS: Final = "redis://"
LEASED: Final = "redis:// with TOKEN_LEASE=1000"
BOUNDS: Final = {REDIS: 0.55, LEASED: 0.9}
_SECONDS: Final = 1


def measure(rounds: int) -> list[Section]:
    """Call each store once a round, in turn. memory:// is compared with one worker, because workers cannot share it."""
    with ExitStack() as stack:
        redis = RedisServer()
        stack.enter_context(running(redis))
        # Redis shares the cores with everything else here: a late response is no outage.
        shared = {"BUCKET_STORE_TIMEOUT_MS": "5000", "BUCKET_STORE_URL": redis.url}
        leased = {**shared, "BUCKET_STORE_URL": f"{redis.url}?prefix=leased:", "TOKEN_LEASE": "1000"}
        called = {
            BASE: _serve(stack, 2, {}),
            REDIS: _serve(stack, 2, shared),
            LEASED: _serve(stack, 2, leased),
            "lmdb://, 1 worker": _serve(stack, 1, {}),
            "memory://, 1 worker": _serve(stack, 1, {"BUCKET_STORE_URL": "memory://"}),
        }
        rates: dict[str, list[float]] = {name: [] for name in called}
        for number in range(rounds + 1):
            for name, (wrk, workers) in called.items():
                rate = run_evenly(wrk, workers, _SECONDS, number * 1000)[-1].rate
                if number:  # the first round fills caches
                    rates[name].append(rate)
    series = series_of(rates)
    by_name = {one.name: one for one in series}
    conditions = [
        Condition(f"/v1/check on {name} over {BASE}", ratio(by_name[name], by_name[BASE]), ">=", bound)
        for name, bound in BOUNDS.items()
    ]
    title = f"/v1/check over {CONNECTIONS} connections by bucket store"
    return [Section("gateway-stores", title, "requests/s", BASE, series, conditions)]


def _serve(stack: ExitStack, workers: int, settings: Mapping[str, str]) -> tuple[Wrk, list[int]]:
    """Return what calls it, and the processes of its workers."""
    latchkey = stack.enter_context(installation(workers=workers, settings=settings))
    wrk = Wrk(f"http://127.0.0.1:{latchkey.port}{PATH}", latchkey.credential)
    return wrk, workers_of(latchkey.port, workers)
