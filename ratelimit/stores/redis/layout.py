"""How records and requests look on the way to Redis and in it: the other half of record.lua, take.lua and shift.lua."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1
from importlib.resources import files
from struct import Struct
from typing import Final, NamedTuple

from ratelimit.bucket import MOST_EPOCH, Asked, CostExceedsBurst, Outcome, Record
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.stores.base import BucketStoreError, Taken

SERVERS_CLOCK: Final = b""

_RECORD: Final = Struct("<QQQQIIQIQII")
_REQUEST: Final = Struct("<IBBQQIQIQII")
_BUCKET: Final = Struct("<QQII")
_SHIFT: Final = Struct("<QQIQIBI")
_TIME: Final = Struct("<QI")
_ALLOWED, _NEWER_EPOCH, _OTHER_LIMIT, _EXCEEDS_BURST, _ALLOWED_MORE = 1, 2, 3, 4, 5
_UNLIMITED: Final = (0, 0, 0, 0, 0)
_ANSWER: Final = 4
_TIMES: Final = 2
# Beyond these a record was damaged: record.lua has the same bounds.
_MOST_SECONDS: Final = 1 << 33
_MOST_COUNT: Final = 1 << 53


class Script(NamedTuple):
    """A script in Lua, and the name by which a server that has seen it knows it."""

    text: bytes
    sha: bytes


def _script(name: str) -> Script:
    text = b"\n".join(files(__package__).joinpath(part).read_bytes() for part in ("record.lua", name))
    return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())


TAKE: Final = _script("take.lua")
SHIFT: Final = _script("shift.lua")
CHANGE: Final = _script("change.lua")


class OtherLimit(Exception):
    """The bucket was last used under another limit: its debt has to be converted first, and nothing was taken."""


def time_argument(now_ns: int) -> bytes:
    """A time for a script."""
    return _TIME.pack(*divmod(now_ns, NS_PER_SECOND))


@lru_cache(maxsize=4096)
def _priced(limit: Limit | None, cost: int) -> tuple[int, int, int, int, int]:
    """The limit's code, its period and ticks, and the price of `cost` tokens in nanoseconds and ticks."""
    if limit is None:
        return _UNLIMITED
    return limit.code, limit.per_seconds * NS_PER_SECOND, limit.ticks, *divmod(cost * limit.price, limit.ticks)


def request_argument(asked: Asked, *, more: int = 0, count: int = 1) -> bytes:
    """A request for take.lua, which takes `more` tokens in all where it can (0: no more), and else what is asked.
    `count` is how many requests it counts if this one passes: those that leased tokens let pass before are among them.
    """
    _, limit, cost, epoch, slot = asked
    if limit is not None and cost > limit.burst:
        return _REQUEST.pack(epoch, slot, 1, 0, 0, 0, 0, 0, 0, 0, count)
    priced = _priced(limit, cost)
    extra = _priced(limit, more)[3:] if more and limit is not None else (0, 0)
    return _REQUEST.pack(epoch, slot, 0, *priced, *extra, count)


def shift_argument(limit: Limit, tokens: int, *, back: bool, count: int) -> bytes:
    """Tokens that are given back, or a debt of so many, and requests that were let pass and are not counted yet."""
    return _SHIFT.pack(*_priced(limit, tokens), back, count)


def server_ns(answers: Sequence[int]) -> int:
    """The time at which take.lua answered."""
    seconds, nanoseconds = answers[-2:]
    return seconds * NS_PER_SECOND + nanoseconds


def outcomes_of(asked: Sequence[Asked], answers: Sequence[int]) -> "list[Taken | OtherLimit]":
    """What take.lua's answers say. Raises ValueError if it did nothing, because it came too late."""
    if asked and len(answers) == _TIMES:
        raise ValueError("the run came too late")
    return [
        _outcome(one, *answers[at : at + _ANSWER])
        for one, at in zip(asked, range(0, len(answers) - _TIMES, _ANSWER), strict=True)
    ]


def _outcome(asked: Asked, status: int, debt_ns: int, fraction: int, epoch: int) -> "Taken | OtherLimit":
    _, limit, cost, _, _ = asked
    if status == _NEWER_EPOCH:
        return False, 0, 0, epoch
    if status == _OTHER_LIMIT:
        return OtherLimit()
    if limit is None:
        return True, 0, 0, epoch
    if status == _EXCEEDS_BURST:
        return CostExceedsBurst(cost, limit)
    debt = debt_ns * limit.ticks + fraction
    if status in (_ALLOWED, _ALLOWED_MORE):
        return True, debt, 0, epoch
    return False, debt, -((limit.capacity - debt - cost * limit.price) // limit.ticks), epoch


def granted(answers: Sequence[int]) -> list[bool]:
    """Of each request whether it got what it wished beyond its cost."""
    return [status == _ALLOWED_MORE for status in answers[:-_TIMES:_ANSWER]]


def single(taken: "Taken | OtherLimit") -> Outcome:
    """The outcome of one take. Raises CostExceedsBurst, BucketStoreError or OtherLimit."""
    if isinstance(taken, CostExceedsBurst | BucketStoreError | OtherLimit):
        raise taken
    return taken


def load(raw: bytes | None) -> Record:
    """The record that Redis holds; an empty one for a key that it does not know, or for what we did not write."""
    if raw is None or len(raw) != _RECORD.size:
        return Record()
    code, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch = _RECORD.unpack(
        raw
    )
    if max(tat_s, used_s_0, used_s_1) >= _MOST_SECONDS or max(allowed, throttled) >= _MOST_COUNT:
        return Record()
    return Record(
        tat_ns=tat_s * NS_PER_SECOND + tat_ns,
        limit_code=code,
        allowed=allowed,
        throttled=throttled,
        used_ns_0=used_s_0 * NS_PER_SECOND + used_ns_0,
        used_ns_1=used_s_1 * NS_PER_SECOND + used_ns_1,
        fraction=fraction,
        epoch=epoch if epoch <= MOST_EPOCH else 0,
    )


def bucket_argument(code: int, tat_ns: int, fraction: int) -> bytes:
    """A bucket for `replace_bucket`."""
    return _BUCKET.pack(code, *divmod(tat_ns, NS_PER_SECOND), fraction)
