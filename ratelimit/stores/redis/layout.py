"""Binary encoding of records, requests and responses: the Python side of record.lua, take.lua and shift.lua."""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Final

from ratelimit.bucket import MAX_EPOCH, Outcome, Record, TakeRequest
from ratelimit.claim import NO_POLICY, Claim, ClaimState, PolicyOutdated, Undecided
from ratelimit.limit import NS_PER_SECOND, CostExceedsBurst, Limit
from ratelimit.stores.base import BucketStoreError, TakeResult
from ratelimit.stores.redis import claim_encoding
from ratelimit.stores.redis.claim_encoding import NO_CONVERSIONS, NUMBERS_PER_CLAIM, Conversions

SERVER_CLOCK: Final = b""

_RECORD: Final = Struct("<QQQQIIQIQII")
_REQUEST: Final = Struct("<IBBQQIQIQII")
_BUCKET: Final = Struct("<QQII")
_SHIFT: Final = Struct("<QQIQIBI")
_TIME: Final = Struct("<QI")
_POLICY: Final = Struct("<QH")
_DENIED, _ALLOWED, _NEWER_EPOCH, _LIMIT_CHANGED, _EXCEEDS_BURST, _ALLOWED_WITH_GRANT = 0, 1, 2, 3, 4, 5
_POLICY_OUTDATED, _EXCEEDS_CLAIM = 6, 9
_DECIDED: Final = frozenset((_DENIED, _ALLOWED, _ALLOWED_WITH_GRANT))
_UNLIMITED: Final = (0, 0, 0, 0, 0)
_NUMBERS_PER_REQUEST: Final = 4
_TIME_NUMBERS: Final = 2
# Larger numbers mean that the record is damaged. record.lua has the same bounds.
_MAX_SECONDS: Final = 1 << 33
_MAX_COUNT: Final = 1 << 53


class LimitChanged(Exception):
    """Error: buckets were last used under other limits. Nothing was taken; their debts have to be converted first.

    `key` is whether the key's bucket was. `claims` are the claims on rates whose counters were.
    """

    def __init__(self, *, key: bool, claims: tuple[Claim, ...]) -> None:
        super().__init__()
        self.key = key
        self.claims = claims


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


def encode_policy(policy: int, claims: int) -> bytes:
    """Return the caller's number of the policies (NO_POLICY to check none) and the number of claims in one call as an
    argument for take.lua.
    """
    return b"" if policy == NO_POLICY and not claims else _POLICY.pack(policy, claims)


def encode_request(
    request: TakeRequest,
    *,
    more: int = 0,
    count: int = 1,
    conversions: Conversions = NO_CONVERSIONS,
    reserving: bool = False,
) -> bytes:
    """Return a request as an argument for take.lua.

    The script takes `more` tokens in all if the bucket has them (0: no more), and the request's own cost
    otherwise. If the request is allowed, it counts `count` requests, which include earlier ones that leased tokens
    paid for. `conversions` are those of the claims' counters that were last used under other limits. Only a request
    that is `reserving` can claim slots; otherwise this raises ValueError.
    """
    _, limit, cost, epoch, slot, claims = request
    if limit is not None and cost > limit.burst:
        # The script still has to compare the epoch first: the cost may be valid under the key's current limit.
        encoded = _REQUEST.pack(epoch, slot, 1, 0, 0, 0, 0, 0, 0, 0, count)
    else:
        priced = _encode_limit(limit, cost)
        extra = _encode_limit(limit, more)[3:] if more and limit is not None else (0, 0)
        encoded = _REQUEST.pack(epoch, slot, 0, *priced, *extra, count)
    return encoded + claim_encoding.encode_claims(claims, conversions, reserving=reserving) if claims else encoded


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
    now_ns, states_at = parse_server_ns(numbers), len(requests) * _NUMBERS_PER_REQUEST
    results: list[TakeResult | LimitChanged] = []
    for request, at in zip(requests, range(0, states_at, _NUMBERS_PER_REQUEST), strict=True):
        status, first, second, epoch = numbers[at : at + _NUMBERS_PER_REQUEST]
        if status not in _DECIDED:
            results.append(_undecided(request, status, first, second, epoch, now_ns))
            continue
        states: tuple[ClaimState, ...] = ()
        if claims := request[5]:
            states = claim_encoding.parse_states(claims, numbers, states_at, now_ns)
            states_at += len(claims) * NUMBERS_PER_CLAIM
        results.append(_outcome(request, status != _DENIED, first, second, epoch, states))
    if states_at != len(numbers) - _TIME_NUMBERS:
        raise ValueError("the response has another length than its requests need")
    return results


def _outcome(
    request: TakeRequest, allowed: bool, debt_ns: int, fraction: int, epoch: int, states: tuple[ClaimState, ...]
) -> Outcome:
    _, limit, cost, *_ = request
    if limit is None:
        return allowed, 0, 0, epoch, states
    debt = debt_ns * limit.ticks + fraction
    if allowed:
        return True, debt, 0, epoch, states
    # Not positive if only claims refused.
    lacking = debt + cost * limit.price - limit.capacity
    return False, debt, max(0, -(-lacking // limit.ticks)), epoch, states


def _undecided(
    request: TakeRequest, status: int, first: int, second: int, epoch: int, now_ns: int
) -> "TakeResult | LimitChanged":
    """Return the result of a request that was neither allowed nor denied."""
    _, limit, cost, _, _, claims = request
    if status == _NEWER_EPOCH:
        return False, 0, 0, epoch, ()
    if status == _LIMIT_CHANGED:
        return LimitChanged(key=bool(first), claims=claim_encoding.claims_of_bits(claims, second))
    if status == _POLICY_OUTDATED:
        return PolicyOutdated(first)
    if status == _EXCEEDS_BURST and limit is not None:
        return CostExceedsBurst(cost, limit)
    if status == _EXCEEDS_CLAIM:
        return claim_encoding.cost_exceeds_claim(claims[first], second)
    return claim_encoding.parse_undecided(claims, status, first, now_ns)


def parse_grants(requests: int, numbers: Sequence[int]) -> list[bool]:
    """Return for each of so many requests whether it got all the tokens that it asked for ahead of its cost."""
    statuses = numbers[: requests * _NUMBERS_PER_REQUEST : _NUMBERS_PER_REQUEST]
    return [status == _ALLOWED_WITH_GRANT for status in statuses]


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
