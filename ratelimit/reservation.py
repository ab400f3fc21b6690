"""Reservations: what a caller takes ahead of work whose cost it learns later, and settles by what the work cost.

A reservation takes an estimate of its costs as any request does, and slots of limits of concurrency, which only
reservations hold. Settling replaces the estimate by the actual costs. A reservation that no caller settles stays at its
estimate; its slots are free once it expires.
"""

from typing import Final, NamedTuple

from ratelimit.bucket import Outcome
from ratelimit.limit import Limit
from ratelimit.unit_counters import UNIT_PREFIX

KEPT_SECONDS: Final = 600
"""How long the store knows a reservation after its end, so that a caller that asks again gets the same answer."""

MAX_OPEN: Final = 10_000
"""How many reservations a key can have at a time that are neither settled nor expired."""

KEY_ENTRY: Final = b"key"
"""Stands for the limit `key` where entries of a reservation name counters."""

OVERDRAWN_BUCKETS: Final = 2
"""How many full buckets the debt of a plan's rate can reach by settling. That of the limit `key` reaches one."""

RESERVATION_PREFIX: Final = b"r:"
END_PREFIX: Final = b"e:"
"""Prefixes of reservations in a store, and of the entries by which a sweep finds those that have ended."""

RANDOM_LENGTH: Final = 22
"""Length of the random part at the end of a reservation's name."""


class NewReservation(NamedTuple):
    """A reservation that is to be made, open for `ttl_seconds` (at least 1).

    `name` is one of `ratelimit.reservation_id.new_name` for the key that the request charges. `caller` is the id of the
    key that asks for it: 1 to 128 bytes. No other caller can settle it.
    """

    name: bytes
    caller: bytes
    ttl_seconds: int


class Reserved(NamedTuple):
    """What became of a request to reserve: its outcome, as of a take, and until when it is open.

    `expires_s` is in seconds since the Unix epoch by the store's clock. It is 0 if the outcome isn't allowed.
    """

    outcome: Outcome
    expires_s: int


class Charge(NamedTuple):
    """What a settlement did with one counter of the reservation.

    `counter` is KEY_ENTRY for the limit `key`. `reserved` and `cost` are the estimate and the actual cost, in units.
    `forgiven` is how many units of `cost` were not charged, because a rate's debt ends at a bound, or because the
    quota's period ended before the one that the store still knows. `value` is the state after the settlement: the debt
    in ticks of `limit` for a rate, what is used of the quota in the period that ends at `ends_s`, or else the slots
    that are held. `limit` is that under which the bucket was last used, and None for a quota and for slots.

    `charged` and `returned` say by how much the estimate was too low or too high; one of both is 0. `corrects` is
    false if the counter no longer knows what was reserved, so that it was left as it is.
    """

    counter: bytes
    reserved: int
    cost: int
    forgiven: int
    value: int
    limit: Limit | None
    ends_s: int
    corrects: bool

    @property
    def is_slot(self) -> bool:
        """Return whether it is a slot: `reserved` and `cost` are 1 then, and no usage."""
        return self.limit is None and not self.ends_s

    @property
    def is_usage(self) -> bool:
        """Return whether it is the key's usage by unit, which no limit counts."""
        return self.counter.startswith(UNIT_PREFIX)

    @property
    def charged(self) -> int:
        """Return by how many units the cost exceeds the estimate."""
        return max(0, self.cost - self.reserved)

    @property
    def returned(self) -> int:
        """Return by how many units the estimate exceeds the cost."""
        return max(0, self.reserved - self.cost)


class Settlement(NamedTuple):
    """How a reservation was settled at `settled_s`: by the actual costs, or by none at all if it was cancelled."""

    settled_s: int
    charges: tuple[Charge, ...]


class ReservationError(Exception):
    """Error: a reservation cannot be made, changed or settled. Nothing was taken or changed."""


class ReservationUnknown(ReservationError):
    """Error: there is no such reservation, or it belongs to another caller, or it ended KEPT_SECONDS ago."""


class ReservationExpired(ReservationError):
    """Error: the reservation ended at `expired_s`, in seconds since the Unix epoch, and stays at its estimate."""

    def __init__(self, expired_s: int) -> None:
        super().__init__(f"the reservation expired at {expired_s}")
        self.expired_s = expired_s


class ReservationEnded(ReservationError):
    """Error: the reservation was settled before, or cancelled if `cancelled`, so it can't be the other one."""

    def __init__(self, *, cancelled: bool) -> None:
        super().__init__(f"the reservation was {'cancelled' if cancelled else 'settled'}")
        self.cancelled = cancelled


class TooManyReservations(ReservationError):
    """Error: the key has MAX_OPEN open reservations. One that expired counts for up to a minute longer."""

    def __init__(self) -> None:
        super().__init__(f"the key has {MAX_OPEN} open reservations")


def key_of(name: bytes) -> bytes:
    """Return the id of the key that a reservation charges."""
    return name.removeprefix(RESERVATION_PREFIX).rpartition(b":")[0]


def slot_id(name: bytes) -> bytes:
    """Return the id of the slots that a reservation holds, 22 bytes."""
    return name[-RANDOM_LENGTH:]
