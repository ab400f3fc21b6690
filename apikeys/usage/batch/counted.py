"""What a batch of usage is given, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ratelimit.bucket import Record


@dataclass(frozen=True, slots=True)
class Counted:
    """Records of a batch of keys by key ID, as a store has them. `source` is its primary key in `UsageSource`.

    A counter below its mark is usually one that was read before another writer set the mark. `confirmed` says that
    the records were read while no other writer could set marks, so the store itself went back. `rolls_back` says what
    that means: see `ratelimit.stores.base.BucketStore`.
    """

    records: Mapping[str, Record]
    source: int
    rolls_back: bool
    confirmed: bool = False


class Written(NamedTuple):
    """Result of a batch.

    `used` is the number of keys with new requests, `overtaken` the number of keys whose mark another writer has
    changed in between. `locked_seconds` is for how long others had to wait for this batch at most. `below` lists the
    key IDs whose counters are below their mark, and weren't confirmed. Of these and the overtaken ones, nothing was
    written.
    """

    used: int = 0
    overtaken: int = 0
    locked_seconds: float = 0.0
    below: tuple[str, ...] = ()
