"""Reservations in a bucket file: processes that die, damaged records, the check of the file, and the sweep."""

import signal
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from ratelimit.bucket_file_check import FileState, find_fault
from ratelimit.reservation import KEPT_SECONDS, ReservationUnknown
from ratelimit.reservation_id import new_name
from ratelimit.stores import LmdbStore
from ratelimit.stores.reservation_store import SWEEP_BATCH
from tests.conftest import Clock
from tests.ratelimit.reservations.asking import CALLER, KEY, LIMIT, TOKENS, Reserver, quota, rate, seats
from tests.ratelimit.reservations.test_records import DAMAGED
from tests.ratelimit.test_stores import start

# Reserves 1,000 tokens and a slot, and dies.
DIES = """
    import os, sys
    from pathlib import Path
    from ratelimit.claim import Claim, QuotaUse, Term
    from ratelimit.limit import Limit
    from ratelimit.reservation import NewReservation
    from ratelimit.stores import LmdbStore
    store = LmdbStore(Path(sys.argv[1].removeprefix("lmdb://")), lambda: 1_800_000_000_000_000_000)
    print("ready", flush=True)
    end = 1_800_086_400
    name = sys.stdin.readline().strip().encode()
    store.seed_quotas([QuotaUse(b"k:lk_0123456789ab:tokens", 7, end, 0)])
    tokens = Claim(b"k:lk_0123456789ab:tokens", 7, 1000, True, (Term(end, None, 50_000, end),))
    seat = Claim(b"k:lk_0123456789ab:seats", 9, 1, True, (Term(end, None, 1),))
    request = (b"lk_0123456789ab", Limit(100, 3600), 10, 0, 0, (tokens, seat))
    print(store.reserve(request, NewReservation(name, b"lk_caller000000", 60)).outcome[0], flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[LmdbStore]:
    store = LmdbStore(tmp_path / "b", clock)
    yield store
    store.close()


@pytest.fixture
def reserver(store: LmdbStore, clock: Clock) -> Reserver:
    return Reserver(store, clock)


def names(store: LmdbStore, prefix: bytes) -> list[bytes]:
    def read(transaction: lmdb.Transaction) -> list[bytes]:
        return [bytes(name) for name in transaction.cursor().iternext(values=False) if bytes(name).startswith(prefix)]

    return store._run_transaction(read, write=False)


def test_process_that_is_killed_leaves_its_reservation(tmp_path: Path, clock: Clock) -> None:
    name = new_name(KEY)
    killed = start(DIES, f"lmdb://{tmp_path / 'b'}")
    output, _ = killed.communicate(f"{name.decode()}\n")
    assert (output, killed.returncode) == ("True\n", -signal.SIGKILL)
    store = LmdbStore(tmp_path / "b", clock)
    reserver = Reserver(store, clock)
    assert reserver.used() == 1000
    assert reserver.reserve(seats(1)).outcome[0] is False
    settled = reserver.settle(quota(clock, 300), key_cost=4, name=name)
    assert (settled[TOKENS].returned, reserver.used()) == (700, 300)
    assert reserver.reserve(seats(1)).outcome[0] is True
    store.close()


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_reservation_is_unknown(store: LmdbStore, reserver: Reserver, clock: Clock, name: str) -> None:
    reserver.reserve(quota(clock, 1000))
    store._run_transaction(lambda transaction: transaction.put(reserver.name, DAMAGED[name]))
    with pytest.raises(ReservationUnknown):
        reserver.settle(quota(clock, 1))
    with pytest.raises(ReservationUnknown):
        store.extend(reserver.name, CALLER, 60)
    assert reserver.used() == 1000
    # It goes with the others.
    clock.move(60 + KEPT_SECONDS)
    assert store.forget_ended_reservations() == 1
    assert names(store, b"r:") == []


def test_check_of_the_file_accepts_reservations(tmp_path: Path, store: LmdbStore, clock: Clock) -> None:
    reserver = Reserver(store, clock)
    for _ in range(3):
        reserver.reserve(quota(clock, 1000), rate(5), seats(5), limit=LIMIT)
    reserver.settle(quota(clock, 10**6), rate(99))
    reserver.reserve(seats(5))
    store.extend(reserver.name, CALLER, 600)
    reserver.cancel()
    store.close()
    assert find_fault(tmp_path / "b", FileState.AT_REST) == ""


@pytest.mark.parametrize("name", [b"r:lk_0123456789ab:x", b"n:lk_0123456789ab", b"e:" + bytes(8)])
def test_check_of_the_file_finds_damaged_reservations(tmp_path: Path, store: LmdbStore, name: bytes) -> None:
    store._run_transaction(lambda transaction: transaction.put(name, b"damaged"))
    store.close()
    assert find_fault(tmp_path / "b", FileState.AT_REST) == "it has an invalid record"


def test_sweep_deletes_in_batches_and_leaves_nothing(store: LmdbStore, reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(ttl=59)
    store.extend(reserver.name, CALLER, 300)
    for _ in range(SWEEP_BATCH):
        reserver.reserve(ttl=60)
    clock.move(60 + KEPT_SECONDS)
    batches = iter([True, False])
    assert store.forget_ended_reservations(lambda: next(batches)) == SWEEP_BATCH
    # The first entry was that of the one that was extended.
    assert len(names(store, b"r:")) == 2
    assert store.forget_ended_reservations() == 1
    assert len(names(store, b"e:")) == 1
    clock.move(240)
    assert store.forget_ended_reservations() == 1
    assert [name for name in names(store, b"") if name[:2] in (b"r:", b"e:", b"n:")] == []


def test_one_damaged_record_of_the_key_does_not_stop_settling(
    store: LmdbStore, reserver: Reserver, clock: Clock
) -> None:
    reserver.reserve(quota(clock, 1000), limit=LIMIT)
    store._run_transaction(lambda transaction: transaction.put(b"lk_0123456789ab", b"damaged"))
    assert reserver.settle(quota(clock, 300))[TOKENS].returned == 700
    assert reserver.used() == 300


def test_sweep_keeps_the_count_of_a_key_with_open_reservations(
    store: LmdbStore, reserver: Reserver, clock: Clock
) -> None:
    reserver.reserve(ttl=60)
    clock.move(60 + KEPT_SECONDS)
    reserver.reserve(ttl=60)
    assert store.forget_ended_reservations() == 1
    assert len(names(store, b"n:")) == len(names(store, b"r:")) == 1
