"""What every store promises, asked of each; and what the embedded one promises over processes."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratelimit.bucket import MAX_EPOCH, Record
from ratelimit.decision import Decision
from ratelimit.limit import CostExceedsBurst, Limit
from ratelimit.stores import BucketStore, open_store
from tests.conftest import Clock
from tests.ratelimit.test_bucket import CASES, LIMITS, SECOND, STEPS
from tests.support.redis_servers import cluster
from tests.support.services import redis_url

KEY = b"lk_0123456789ab"
MakeStore = Callable[[Clock], BucketStore]


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[str]:
    with cluster() as url:
        yield url


@pytest.fixture(
    params=[
        "memory",
        "lmdb",
        pytest.param("redis", marks=pytest.mark.needs("redis")),
        pytest.param("cluster", marks=[pytest.mark.needs("redis"), pytest.mark.slow("runs Sentinels and a Cluster")]),
    ]
)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        return f"{redis_url()}?prefix=test-{uuid4().hex}:"
    if request.param == "cluster":
        return f"{request.getfixturevalue('own_cluster')}&prefix=test-{uuid4().hex}:"
    return "memory://" if request.param == "memory" else f"lmdb://{tmp_path / 'buckets'}"


@pytest.fixture
def make_store(store_url: str) -> Iterator[MakeStore]:
    url = store_url
    opened: list[BucketStore] = []

    def make(clock: Clock) -> BucketStore:
        opened.append(open_store(url, clock, timeout=10))
        return opened[-1]

    yield make
    for store in opened:
        if store.remote:
            for key, _ in store.scan_records():
                store.forget(key)
        store.close()


@pytest.fixture
def bucket_store(make_store: MakeStore, clock: Clock) -> BucketStore:
    return make_store(clock)


@pytest.mark.parametrize("name", CASES)
def test_case_table(bucket_store: BucketStore, clock: Clock, name: str) -> None:
    limit, steps = CASES[name]
    start = clock.ns
    for step in steps:
        clock.ns = start + round(step.at * SECOND)
        decision = Decision(limit, *bucket_store.take(KEY, limit, step.cost))
        assert (decision.allowed, decision.remaining) == (step.allowed, step.remaining), step


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=LIMITS, steps=st.lists(STEPS, min_size=1, max_size=30), key=st.binary(min_size=1, max_size=64))
def test_equals_exact_rational_arithmetic(
    make_store: MakeStore, limit: Limit, steps: list[tuple[int, int]], key: bytes
) -> None:
    key = b"p" + key
    clock = Clock()
    store = make_store(clock)
    store.forget(key)
    tokens = Fraction(limit.burst)
    for elapsed, percent in steps:
        earlier, clock.ns = clock.ns, max(0, clock.ns + elapsed)
        refilled = tokens + Fraction((clock.ns - earlier) * limit.burst, limit.per_seconds * SECOND)
        tokens = min(Fraction(limit.burst), max(Fraction(0), refilled))
        cost = max(1, limit.burst * percent // 100)
        allowed, *_ = store.take(key, limit, cost)
        assert allowed == (tokens >= cost)
        if allowed:
            tokens -= cost
    store.close()


def test_keys_have_buckets_of_their_own(bucket_store: BucketStore) -> None:
    limit = Limit(1, 60)
    assert bucket_store.take(b"a", limit)[0]
    assert bucket_store.take(b"ab", limit)[0]
    assert not bucket_store.take(b"a", limit)[0]


def test_use_is_counted_by_key_and_secret(bucket_store: BucketStore, clock: Clock) -> None:
    limit = Limit(2, 60)
    bucket_store.take(b"b", None)
    for _ in range(3):
        bucket_store.take(b"a", limit, slot=1)
    found = dict(bucket_store.scan_records())
    assert sorted(found) == [b"a", b"b"]
    assert (found[b"a"].allowed, found[b"a"].throttled) == (2, 1)
    assert (found[b"a"].used_ns_0, found[b"a"].used_ns_1) == (0, clock.ns)
    assert found[b"b"].used_ns == clock.ns


def test_scan_reads_past_one_batch(bucket_store: BucketStore) -> None:
    keys = [f"k{number:05}".encode() for number in range(2500)]
    for key in keys:
        bucket_store.take(key, None)
    assert sorted({key for key, _ in bucket_store.scan_records()}) == keys


def test_scan_of_a_prefix_yields_only_its_keys(bucket_store: BucketStore) -> None:
    for key in (b"ip:1", b"lk_a", b"lk_b", b"lz"):
        bucket_store.take(key, None)
    assert sorted(key for key, _ in bucket_store.scan_records(b"lk_")) == [b"lk_a", b"lk_b"]
    assert [key for key, _ in bucket_store.scan_records(b"ip:")] == [b"ip:1"]
    assert [key for key, _ in bucket_store.scan_records(b"zz")] == []


def test_epoch_only_rises_and_rejects_older_callers(bucket_store: BucketStore) -> None:
    limit = Limit(5, 60)
    bucket_store.set_epoch(KEY, 3)
    bucket_store.set_epoch(KEY, 2)
    assert bucket_store.peek(KEY).epoch == 3
    assert bucket_store.take(KEY, limit, epoch=2) == (False, 0, 0, 3, ())
    assert bucket_store.peek(KEY).throttled == 0
    assert bucket_store.take(KEY, limit, epoch=4)[0]
    assert bucket_store.peek(KEY).epoch == 4


@pytest.mark.parametrize("epoch", [MAX_EPOCH + 1, 2**31 - 1, 2**32 - 1])
def test_impossible_epoch_counts_as_none(bucket_store: BucketStore, epoch: int) -> None:
    """The next use replaces it, and what was spent stays spent."""
    limit = Limit(2, 60)
    bucket_store.take(KEY, limit, epoch=3)
    bucket_store.set_epoch(KEY, epoch)
    assert bucket_store.peek(KEY).epoch == 0
    assert bucket_store.take(KEY, limit, epoch=3)[0]
    assert (bucket_store.peek(KEY).epoch, bucket_store.peek(KEY).allowed) == (3, 2)
    assert not bucket_store.take(KEY, limit, epoch=3)[0]
    bucket_store.set_epoch(KEY, epoch)
    bucket_store.set_epoch(KEY, 4)
    assert bucket_store.take(KEY, limit, epoch=3) == (False, 0, 0, 4, ())


def test_newest_epoch_that_a_key_can_reach_counts(bucket_store: BucketStore) -> None:
    bucket_store.set_epoch(KEY, MAX_EPOCH)
    assert bucket_store.take(KEY, Limit(5, 60), epoch=3) == (False, 0, 0, MAX_EPOCH, ())


def test_reset_fills_and_keeps_the_rest(bucket_store: BucketStore) -> None:
    limit = Limit(1, 60)
    bucket_store.take(KEY, limit, epoch=7)
    bucket_store.reset(KEY)
    assert bucket_store.take(KEY, limit, epoch=7)[0]
    assert bucket_store.peek(KEY).allowed == 2
    assert bucket_store.peek(KEY).epoch == 7


def test_forget_drops_the_record(bucket_store: BucketStore) -> None:
    bucket_store.take(KEY, None, epoch=7)
    bucket_store.forget(KEY)
    assert bucket_store.peek(KEY) == Record()


def test_forget_spares_what_was_used_since(bucket_store: BucketStore, clock: Clock) -> None:
    bucket_store.take(KEY, None)
    bucket_store.forget(KEY, clock.ns)
    assert bucket_store.peek(KEY).allowed == 1
    bucket_store.forget(KEY, clock.ns + 1)
    assert bucket_store.peek(KEY) == Record()


def test_cost_above_burst_changes_nothing(bucket_store: BucketStore) -> None:
    with pytest.raises(CostExceedsBurst):
        bucket_store.take(KEY, Limit(5, 1), 6)
    assert bucket_store.peek(KEY) == Record()
    assert bucket_store.take(KEY, Limit(5, 1), 5)[0]


def test_generation_is_stable(bucket_store: BucketStore) -> None:
    assert bucket_store.generation() == bucket_store.generation() != ""
    assert list(bucket_store.scan_records()) == []


def test_hundred_threads_allow_exactly_the_burst(bucket_store: BucketStore) -> None:
    limit = Limit(60, 3600)
    with ThreadPoolExecutor(100) as pool:
        results = list(pool.map(lambda _: bucket_store.take(KEY, limit)[0], range(1000)))
    assert sum(results) == 60
    record = bucket_store.peek(KEY)
    assert (record.allowed, record.throttled) == (60, 940)


def test_lmdb_keeps_its_buckets_over_a_restart(tmp_path: Path, clock: Clock) -> None:
    limit = Limit(1, 3600)
    first = open_store(f"lmdb://{tmp_path}/b", clock)
    assert first.take(KEY, limit)[0]
    generation = first.generation()
    first.close()
    second = open_store(f"lmdb://{tmp_path}/b", clock)
    assert not second.take(KEY, limit)[0]
    assert second.generation() == generation
    second.close()


FIRE = """
    import sys
    from ratelimit.limit import Limit
    from ratelimit.stores import open_store
    store = open_store(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(store.take(b"k", Limit(500, 86400))[0] for _ in range(2000)), flush=True)
"""
HAMMER = """
    import sys
    from ratelimit.limit import Limit
    from ratelimit.stores import open_store
    store = open_store(sys.argv[1])
    store.take(b"other", None)
    print("ready", flush=True)
    while True:
        store.take(b"other", None)
"""


def start(program: str, url: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_lmdb_is_exact_over_processes(tmp_path: Path) -> None:
    processes = [start(FIRE, f"lmdb://{tmp_path}/b") for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    admitted = sum(int(process.communicate(timeout=60)[0]) for process in processes)
    assert admitted == 500


def test_lmdb_outlives_writers_killed_in_the_middle(tmp_path: Path) -> None:
    url = f"lmdb://{tmp_path}/b"
    store = open_store(url)
    limit = Limit(1000, 86400)
    for _ in range(8):
        process = start(HAMMER, url)
        for _ in range(50):
            store.take(KEY, limit)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert store.take(KEY, limit)[0]
    assert store.peek(KEY).allowed == 8 * 51
    assert store.peek(b"other").allowed > 0
    store.close()


@pytest.mark.parametrize("url", ["", "lmdb://", "memory://x", "redis//x", "file:///tmp/x", "lmdb"])
def test_invalid_store_url_is_rejected(url: str) -> None:
    with pytest.raises(ValueError, match="must be lmdb://PATH, redis://HOST, rediss://HOST or memory://"):
        open_store(url)
