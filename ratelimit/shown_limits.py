"""Limits of a key's plan, as the responses to a request with certain claims show them."""

from ratelimit.plan_limit import PlanLimit


class ShownLimits:
    """The limits that a request claims, in the order of its claims, and the `others` of its key.

    It is the same object for all requests of a key that claim the same limits, until the key or the policies change.
    `template` is what `ratelimit.plan_headers` has prepared for all of them.
    """

    __slots__ = ("claimed", "others", "template")

    def __init__(self, claimed: tuple[PlanLimit, ...], others: tuple[PlanLimit, ...]) -> None:
        self.claimed = claimed
        self.others = others
        self.template: object = None
