"""What a bucket store without counters of plans answers."""

from collections.abc import Sequence

from ratelimit.claim import Claim, ClaimState, QuotaUse, Undecided


class WithoutPlans:
    """Base of a bucket store that has no counters of plans yet."""

    def policy(self) -> int:
        return 0

    def set_policy(self, number: int) -> None:
        raise NotImplementedError

    def peek_claims(self, claims: Sequence[Claim]) -> list[ClaimState | Undecided]:
        raise NotImplementedError

    def quota_uses(self, counters: Sequence[bytes]) -> list[QuotaUse | None]:
        raise NotImplementedError

    def seed_quotas(self, uses: Sequence[QuotaUse]) -> None:
        raise NotImplementedError

    def adjust(self, claim: Claim, *, used: int | None = None, add: int | None = None) -> ClaimState:
        raise NotImplementedError
