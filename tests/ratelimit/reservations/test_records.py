"""Records of reservations: their encoding, damaged ones, and the ids that clients get."""

import pytest

from ratelimit import counters, open_reservations, reservation_record
from ratelimit.reservation import KEY_ENTRY, key_of, slot_id
from ratelimit.reservation_id import id_of, name_of, new_name  # fmt: skip
from ratelimit.reservation_record import Entry, Kind, Reservation, Result, Status, dump, load
from ratelimit.slots import pack_slots
from tests.ratelimit.reservations.asking import CALLER, DAY, KEY, LIMIT, RATE, TOKENS

START_S = 1_800_000_000
ENTRIES = (
    Entry(KEY_ENTRY, Kind.KEY, 0, LIMIT.code, 0, 10),
    Entry(b"o:7:pace", Kind.RATE, 5, RATE.code, 0, 30),
    Entry(TOKENS, Kind.QUOTA, (1 << 48) - 1, 0, START_S + DAY, 10**15),
)
OPEN = Reservation(Status.OPEN, START_S, CALLER, ENTRIES)
RESULTS = tuple(Result(True, 10**15, 7, 3, 9, 1, entry.limit_code) for entry in ENTRIES)
SETTLED = OPEN._replace(status=Status.SETTLED, settled_s=START_S - 5, results=RESULTS)
DAMAGED = {
    "empty": b"",
    "short": dump(SETTLED)[:-1],
    "long": dump(SETTLED) + b"0",
    "status": b"\x07" + dump(SETTLED)[1:],
    "status of another length": b"\x01" + dump(OPEN)[1:],
    "names": dump(OPEN)[:9] + b"\xff" * 30 + dump(OPEN)[39:],
    "kind": dump(OPEN._replace(entries=(ENTRIES[0]._replace(kind=9),))),
    "limit": dump(OPEN._replace(entries=(ENTRIES[0]._replace(limit_code=5),))),
    "limit of a result": dump(SETTLED._replace(results=(RESULTS[0]._replace(limit_code=5), *RESULTS[1:]))),
    "end": dump(OPEN._replace(expires_s=1 << 40)),
}


@pytest.mark.parametrize("reservation", [OPEN, SETTLED, OPEN._replace(entries=())])
def test_record_encodes_a_reservation(reservation: Reservation) -> None:
    assert load(dump(reservation)) == reservation
    assert reservation_record.is_plausible(dump(reservation))


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_record_is_none(name: str) -> None:
    assert load(DAMAGED[name]) is None
    assert not reservation_record.is_plausible(DAMAGED[name])


def test_id_names_the_key_and_the_reservation() -> None:
    name = new_name(KEY)
    reservation_id = id_of(name)
    assert reservation_id.startswith("res_0123456789ab_")
    assert len(reservation_id) == len("res_") + 12 + 1 + 22
    assert name_of(reservation_id) == name
    assert (key_of(name), len(slot_id(name))) == (KEY, 22)
    assert new_name(KEY) != name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "res_",
        "res_0123456789ab",
        "res_0123456789AB_" + "a" * 22,
        "res_0123456789ab_" + "a" * 21,
        "res_0123456789ab_" + "a" * 23,
        "res_0123456789ab_" + "a" * 22 + "\n",
        "res_0123456789ab_" + "\u00e4" * 22,
    ],
)
def test_malformed_id_has_no_name(text: str) -> None:
    assert name_of(text) is None


def test_open_reservations_are_counted_to_the_end_of_their_minute() -> None:
    raw = open_reservations.changed(None, START_S, opened=START_S + 1)
    raw = open_reservations.changed(raw, START_S, opened=START_S + 59)
    raw = open_reservations.changed(raw, START_S, opened=START_S + 60)
    assert open_reservations.count(raw, START_S) == 3
    assert open_reservations.count(raw, START_S + 59) == 3
    assert open_reservations.count(raw, START_S + 60) == 1
    assert len(open_reservations.changed(raw, START_S + 60, opened=START_S + 61)) == open_reservations.ENTRY_BYTES
    raw = open_reservations.changed(raw, START_S, ended=START_S + 30)
    assert open_reservations.count(raw, START_S) == 2
    # One that is not in the count, because the record was lost, takes no other out of it.
    assert open_reservations.changed(raw, START_S, ended=START_S + 600) == raw
    assert open_reservations.count(raw + b"0", START_S) == 0


def test_record_of_slots_is_plausible() -> None:
    assert counters.is_plausible(pack_slots(5, {}))
    assert counters.is_plausible(pack_slots(5, {b"a" * 22: START_S}))
    assert not counters.is_plausible(pack_slots(5, {b"a" * 22: START_S})[:-1])
