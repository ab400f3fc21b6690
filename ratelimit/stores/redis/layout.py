"""Binary encoding of records, requests and responses: the Python side of record.lua, take.lua and shift.lua."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1
from importlib.resources import files
from struct import Struct
from typing import Final, NamedTuple

from ratelimit.bucket import MAX_EPOCH, Outcome, Record, TakeRequest
from ratelimit.claim import Undecided
from ratelimit.limit import NS_PER_SECOND, CostExceedsBurst, Limit
from ratelimit.stores.base import BucketStoreError, TakeResult

SERVER_CLOCK: Final = b""

_RECORD: Final = Struct("<QQQQIIQIQII")
_REQUEST: Final = Struct("<IBBQQIQIQII")
_BUCKET: Final = Struct("<QQII")
_SHIFT: Final = Struct("<QQIQIBI")
_TIME: Final = Struct("<QI")
_ALLOWED, _NEWER_EPOCH, _LIMIT_CHANGED, _EXCEEDS_BURST, _ALLOWED_WITH_GRANT = 1, 2, 3, 4, 5
_UNLIMITED: Final = (0, 0, 0, 0, 0)
_NUMBERS_PER_REQUEST: Final = 4
_TIME_NUMBERS: Final = 2
# Larger numbers mean that the record is damaged. record.lua has the same bounds.
_MAX_SECONDS: Final = 1 << 33
_MAX_COUNT: Final = 1 << 53


class Script(NamedTuple):
    """A Lua script, and the SHA-1 digest by which a server that has loaded it runs it."""

    text: bytes
    sha: bytes


def _script(name: str) -> Script:
    text = b"\n".join(files(__package__).joinpath(part).read_bytes() for part in ("record.lua", name))
    return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())


TAKE: Final = _script("take.lua")
SHIFT: Final = _script("shift.lua")
CHANGE: Final = _script("change.lua")


class LimitChanged(Exception):
    """Error: the bucket was last used under another limit. Nothing was taken; its debt has to be converted first."""


def encode_time(now_ns: int) -> bytes:
    """Return a time as an argument for a script."""
    return _TIME.pack(*divmod(now_ns, NS_PER_SECOND))


# Most requests share a few limits and a cost of 1, so this saves the division for each request.
@lru_cache(maxsize=4096)
def _encode_limit(limit: Limit | None, cost: int) -> tuple[int, int, int, int, int]:
    """Return the limit's code, its period in nanoseconds, its ticks, and the price of `cost` tokens in nanoseconds
    and ticks.
    """
    if limit is None:
        return _UNLIMITED
    return limit.code, limit.per_seconds * NS_PER_SECOND, limit.ticks, *divmod(cost * limit.price, limit.ticks)


def encode_request(request: TakeRequest, *, more: int = 0, count: int = 1) -> bytes:
    """Return a request as an argument for take.lua.

    The script takes `more` tokens in all if the bucket has them (0: no more), and the request's own cost
    otherwise. If the request is allowed, it counts `count` requests, which include earlier ones that leased tokens
    paid for.
    """
    _, limit, cost, epoch, slot, _ = request
    if limit is not None and cost > limit.burst:
        # The script still has to compare the epoch first: the cost may be valid under the key's current limit.
        return _REQUEST.pack(epoch, slot, 1, 0, 0, 0, 0, 0, 0, 0, count)
    priced = _encode_limit(limit, cost)
    extra = _encode_limit(limit, more)[3:] if more and limit is not None else (0, 0)
    return _REQUEST.pack(epoch, slot, 0, *priced, *extra, count)


def encode_shift(limit: Limit, tokens: int, *, back: bool, count: int) -> bytes:
    """Return a change of a bucket as an argument for shift.lua.

    With `back` the tokens are given back, otherwise they are added to the debt. `count` is how many allowed
    requests to count.
    """
    return _SHIFT.pack(*_encode_limit(limit, tokens), back, count)


def parse_server_ns(numbers: Sequence[int]) -> int:
    """Return the time of the server at which take.lua ran, in nanoseconds since the Unix epoch."""
    seconds, nanoseconds = numbers[-2:]
    return seconds * NS_PER_SECOND + nanoseconds


def parse_outcomes(requests: Sequence[TakeRequest], numbers: Sequence[int]) -> "list[TakeResult | LimitChanged]":
    """Return the outcomes that take.lua's response encodes, one per request.

    Raises ValueError if the script did nothing because the call came too late.
    """
    if requests and len(numbers) == _TIME_NUMBERS:
        raise ValueError("the call came too late")
    return [
        _outcome(one, *numbers[at : at + _NUMBERS_PER_REQUEST])
        for one, at in zip(requests, range(0, len(numbers) - _TIME_NUMBERS, _NUMBERS_PER_REQUEST), strict=True)
    ]


def _outcome(request: TakeRequest, status: int, debt_ns: int, fraction: int, epoch: int) -> "TakeResult | LimitChanged":
    _, limit, cost, *_ = request
    if status == _NEWER_EPOCH:
        return False, 0, 0, epoch, ()
    if status == _LIMIT_CHANGED:
        return LimitChanged()
    if limit is None:
        return True, 0, 0, epoch, ()
    if status == _EXCEEDS_BURST:
        return CostExceedsBurst(cost, limit)
    debt = debt_ns * limit.ticks + fraction
    if status in (_ALLOWED, _ALLOWED_WITH_GRANT):
        return True, debt, 0, epoch, ()
    return False, debt, -((limit.capacity - debt - cost * limit.price) // limit.ticks), epoch, ()


def parse_grants(numbers: Sequence[int]) -> list[bool]:
    """Return for each request whether it got all the tokens that it asked for ahead of its cost."""
    return [status == _ALLOWED_WITH_GRANT for status in numbers[:-_TIME_NUMBERS:_NUMBERS_PER_REQUEST]]


def outcome_or_raise(result: "TakeResult | LimitChanged") -> Outcome:
    """Return the outcome of one take, or raise it if it is an error."""
    if isinstance(result, CostExceedsBurst | Undecided | BucketStoreError | LimitChanged):
        raise result
    return result


def parse_record(raw: bytes | None) -> Record:
    """Return the record that Redis holds; an empty one if there is none, or if Latchkey did not write it."""
    if raw is None or len(raw) != _RECORD.size:
        return Record()
    code, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch = _RECORD.unpack(
        raw
    )
    if max(tat_s, used_s_0, used_s_1) >= _MAX_SECONDS or max(allowed, throttled) >= _MAX_COUNT:
        return Record()
    return Record(
        tat_ns=tat_s * NS_PER_SECOND + tat_ns,
        limit_code=code,
        allowed=allowed,
        throttled=throttled,
        used_ns_0=used_s_0 * NS_PER_SECOND + used_ns_0,
        used_ns_1=used_s_1 * NS_PER_SECOND + used_ns_1,
        fraction=fraction,
        epoch=epoch if epoch <= MAX_EPOCH else 0,
    )


def encode_bucket(code: int, tat_ns: int, fraction: int) -> bytes:
    """Return a bucket as an argument for the change `replace_bucket`."""
    return _BUCKET.pack(code, *divmod(tat_ns, NS_PER_SECOND), fraction)
