"""Stub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from ratelimit.claim import Claim, ClaimState
from ratelimit.plan_limit import PlanLimit


class EffectiveLimit(NamedTuple):
    limit: PlanLimit
    subject: str
    counter: bytes


class Resolved(NamedTuple):
    claims: tuple[Claim, ...]
    limits: tuple[EffectiveLimit, ...]


class Policies:
    number = 0
    units: frozenset[str] = frozenset({"requests"})

    def __init__(self) -> None:
        self.owners: dict[str, Any] = {}

    def limits_of(self, record: Any) -> tuple[EffectiveLimit, ...]:
        return self.owners.get(record.auth.owner, ())

    def claims_of(self, record: Any, costs: Mapping[str, int], now_s: int) -> Resolved:
        raise NotImplementedError

    def refresh(self, newest: int = 0) -> None: ...
    def seed(self, counters: Sequence[bytes], record: Any) -> None: ...
    def record_use(self, claims: Sequence[Claim], states: Sequence[ClaimState]) -> None: ...


@cache
def default_policies() -> Policies:
    return Policies()
