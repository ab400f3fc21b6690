"""Counters in a bucket file: damaged records, the check of the file, and processes."""

from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from ratelimit.bucket import TakeRequest
from ratelimit.bucket_file import MAP_SIZE, POLICY_KEY
from ratelimit.bucket_file_check import FileState, find_fault
from ratelimit.claim import MAX_USED, Claim, CountersMissing
from ratelimit.counters import MAX_DEFINITION, dump_rate, is_plausible, load_quota, load_rate, pack_quota
from ratelimit.limit import Limit
from ratelimit.stores.lmdb import LmdbStore
from tests.conftest import Clock
from tests.ratelimit.claims.asking import DAY, START_S, quota, rate, seed
from tests.ratelimit.outcomes import states_of
from tests.ratelimit.test_stores import start

KEY = b"lk_0123456789ab"
LIMIT = Limit(10, 60)
MONTH = quota(b"o:3:month", 100)
MINUTE = rate(b"k:lk_0123456789ab:minute", Limit(6, 7))
SOUND_QUOTA = pack_quota(3, START_S, 5, 0, 0, 0)
SOUND_RATE = dump_rate(3, Limit(6, 7), 5, START_S * 10**9)
DAMAGED = {
    "empty": b"",
    "short": SOUND_QUOTA[:-1],
    "long": SOUND_QUOTA + b"0",
    "used": pack_quota(3, START_S, MAX_USED + 1, 0, 0, 0),
    "used before": pack_quota(3, START_S, 0, 0, START_S, MAX_USED + 1),
    "end": pack_quota(3, 1 << 40, 0, 0, 0, 0),
    "revision": pack_quota(3, START_S, 0, 1 << 63, 0, 0),
    "time": SOUND_RATE[:16] + b"\xff" * 8 + SOUND_RATE[24:],
}
IMPLAUSIBLE = {
    "definition": pack_quota(MAX_DEFINITION + 1, START_S, 5, 0, 0, 0),
    "limit": SOUND_RATE[:8] + bytes(8) + SOUND_RATE[16:],
    "fraction": SOUND_RATE[:24] + b"\xff" * 4,
}


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[LmdbStore]:
    store = LmdbStore(tmp_path / "b", clock)
    yield store
    store.close()


def write(store: LmdbStore, name: bytes, value: bytes) -> None:
    store._run_transaction(lambda transaction: transaction.put(name, value))


def take(store: LmdbStore, *claims: Claim) -> tuple[int, ...]:
    return tuple(state.value for state in states_of(store.take(KEY, LIMIT, 1, 0, 0, claims)))


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_counter_counts_as_none(store: LmdbStore, name: str) -> None:
    assert load_quota(DAMAGED[name]) is None
    assert load_rate(DAMAGED[name]) is None
    write(store, MONTH.counter, DAMAGED[name])
    write(store, MINUTE.counter, DAMAGED[name])
    with pytest.raises(CountersMissing):
        take(store, MONTH, MINUTE)
    assert store.quota_uses([MONTH.counter]) == [None]
    seed(store, MONTH, used=7)
    assert take(store, MONTH, MINUTE) == (8, Limit(6, 7).price)


def test_damaged_record_of_one_key_leaves_the_others_of_a_batch(store: LmdbStore) -> None:
    seed(store, MONTH)
    write(store, KEY, b"damaged")
    requests: list[TakeRequest] = [(key, LIMIT, 1, 0, 0, (MONTH,)) for key in (b"lk_other", KEY, b"lk_third")]
    assert [one[0] for one in store.take_many(requests) if isinstance(one, tuple)] == [True, True, True]
    # What the batch took before it failed was not taken twice.
    assert [one.used for one in store.quota_uses([MONTH.counter]) if one] == [3]


@pytest.mark.parametrize("name", [*DAMAGED, *IMPLAUSIBLE])
def test_file_with_an_implausible_counter_is_damaged(tmp_path: Path, name: str) -> None:
    raw = (DAMAGED | IMPLAUSIBLE)[name]
    assert not is_plausible(raw)
    with lmdb.open(str(tmp_path), map_size=MAP_SIZE) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"o:3:month", raw)
    assert find_fault(tmp_path, FileState.AT_REST) == "it has an invalid record"


def test_ended_period_is_kept_beside_the_open_one(store: LmdbStore, clock: Clock) -> None:
    def previous() -> tuple[int, int]:
        record = store._run_transaction(lambda transaction: load_quota(bytes(transaction.get(MONTH.counter, b""))))
        assert record is not None
        return record[4:]

    seed(store, MONTH, used=7)
    assert previous() == (0, 0)
    clock.move(DAY)
    take(store, MONTH)
    assert previous() == (START_S + DAY, 7)
    # What the database has of it may come late.
    for used, wanted in ((9, 9), (8, 9)):
        seed(store, MONTH, used=used)
        assert previous() == (START_S + DAY, wanted)
    assert [one.used for one in store.quota_uses([MONTH.counter]) if one] == [1]


def test_file_with_counters_is_sound(tmp_path: Path, store: LmdbStore) -> None:
    seed(store, MONTH)
    take(store, MONTH, MINUTE)
    store.set_policy(3)
    store.close()
    assert find_fault(tmp_path / "b", FileState.AT_REST) == ""
    assert take(store, MONTH, MINUTE) == (2, 2 * Limit(6, 7).price)
    assert store.policy() == 3


def test_damaged_number_of_the_policies_counts_as_none(store: LmdbStore) -> None:
    write(store, POLICY_KEY, b"\xff" * 8)
    assert store.policy() == 0
    assert store.take(KEY, LIMIT, 1, 0, 0, (), 3)[0]
    store.set_policy(2)
    assert store.policy() == 2


def test_decision_after_the_check_of_the_files_has_claims_too(store: LmdbStore, clock: Clock) -> None:
    seed(store, MONTH)
    for taken in range(1, 4):
        clock.move(2)
        assert take(store, MONTH) == (taken,)


TAKE_SHARED = """
    import sys
    from ratelimit.claim import Claim, Term
    from ratelimit.limit import Limit
    from ratelimit.stores import open_store
    store = open_store(sys.argv[1])
    end = 4102444800
    claim = Claim(b"o:2:month", 2, 1, True, (Term(end, None, 1000, end),))
    print("ready", flush=True)
    sys.stdin.readline()
    keys = [b"lk_%d" % (number % 50) for number in range(1250)]
    print(sum(store.take(key, Limit(1000, 86400), 1, 0, 0, (claim,))[0] for key in keys), flush=True)
"""


def test_processes_take_a_shared_quota_to_the_last_unit(tmp_path: Path) -> None:
    url = f"lmdb://{tmp_path}/b"
    store = LmdbStore(tmp_path / "b")
    seed(store, quota(b"o:2:month", 1000, ends_s=4102444800))
    processes = [start(TAKE_SHARED, url) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 1000
    records = [record for _, record in store.scan_records(b"lk_")]
    assert sum(record.allowed for record in records) == 1000
    assert sum(record.throttled for record in records) == 4000
    store.close()
