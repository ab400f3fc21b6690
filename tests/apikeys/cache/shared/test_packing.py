"""Packing of records: what comes out is what went in."""

import struct
from dataclasses import fields, replace
from datetime import date

import pytest

from apikeys.cache.records import KeyRecord, SecretRecord
from apikeys.cache.shared.packing import pack, unpack
from latchkey.auth_context import AuthContext
from ratelimit.limit import Limit

KEY_ID = "lk_0123456789ab"
# No field has its default or an empty value.
FULL = KeyRecord(
    auth=AuthContext(KEY_ID, "Zoë's key", "Öwner \N{ROCKET}", frozenset(["orders:read", "*", "a:b*"])),
    limit=Limit(1_000_000_000, 2_678_400),
    enabled=True,
    revoked=True,
    expires_at=1_999_999_999.0,
    metadata={"n": 2**70, "f": 0.1, "s": "\ud800", "l": [None, True, {"": []}]},
    secrets=(SecretRecord(bytes(range(32)), "p1", 0, None), SecretRecord(b"\xff" * 32, ":sha512", 1, 0.5)),
    epoch=2**40,
    as_of=2**50,
    plan="gold",
    issued=date(2026, 12, 1),
)
EMPTY = KeyRecord(
    auth=AuthContext(KEY_ID, "", "", frozenset()), limit=None, enabled=False, revoked=False, expires_at=None,
    metadata={}, secrets=(), epoch=0, as_of=0,
)  # fmt: skip


@pytest.mark.parametrize(
    "record", [FULL, EMPTY, *(replace(EMPTY, **{f.name: getattr(FULL, f.name)}) for f in fields(FULL))]
)
def test_record_comes_back(record: KeyRecord) -> None:
    """Each field alone, too: one that is added to a record has to be packed."""
    assert unpack(KEY_ID, pack(record, 123.25), 7) == (replace(record, as_of=7), 123.25, record.as_of)


@pytest.mark.parametrize("scope", ["", "a\0b"])
def test_scope_that_would_become_another_is_not_packed(scope: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        pack(replace(FULL, auth=replace(FULL.auth, scopes=frozenset(["a", scope]))), 0.0)


@pytest.mark.parametrize(
    "record",
    [
        replace(EMPTY, auth=replace(EMPTY.auth, label="x" * 70_000)),
        replace(EMPTY, auth=replace(EMPTY.auth, owner="\ud800")),
        replace(EMPTY, epoch=-1),
    ],
    ids=["too long", "no text", "out of range"],
)
def test_record_that_does_not_fit_is_not_packed(record: KeyRecord) -> None:
    with pytest.raises(ValueError, match=r"format|argument|surrogate|convert"):
        pack(record, 0.0)


def test_cut_bytes_are_an_error() -> None:
    packed = pack(FULL, 0.0)
    for size in (0, 10, len(packed) // 2):
        with pytest.raises((ValueError, struct.error)):
            unpack(KEY_ID, packed[:size], 7)
