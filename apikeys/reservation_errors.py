"""Errors of calls about reservations. `slug` is the stable name of the problem."""

from collections.abc import Iterator
from contextlib import contextmanager

from latchkey.problems import ProblemError
from latchkey.timestamps import from_ns, rfc3339
from ratelimit.limit import NS_PER_SECOND
from ratelimit.reservation import (
    MAX_OPEN,
    ReservationEnded,
    ReservationExpired,
    ReservationUnknown,
    TooManyReservations,
)


class NoSuchReservation(ProblemError):
    """Error: the caller has no reservation with this ID."""

    slug = "not-found"


class ExpiredReservation(ProblemError):
    """Error: the reservation expired, and stays at its estimate."""

    slug = "reservation-expired"


class EndedReservation(ProblemError):
    """Error: the reservation was settled or cancelled, so it can't be changed."""

    slug = "reservation-ended"


class ReservationsExhausted(ProblemError):
    """Error: the key has as many open reservations as it can have."""

    slug = "too-many-reservations"


def no_such_reservation() -> NoSuchReservation:
    """Return the error for an ID that is malformed, unknown, or another caller's. Nothing distinguishes them."""
    return NoSuchReservation("You have no reservation with this ID.")


@contextmanager
def reservation_problems() -> Iterator[None]:
    """Raise the problem for what the bucket store says of a reservation."""
    try:
        yield
    except ReservationUnknown:
        raise no_such_reservation() from None
    except ReservationExpired as error:
        moment = rfc3339(from_ns(error.expired_s * NS_PER_SECOND))
        raise ExpiredReservation(f"The reservation expired at {moment}. It stays at its estimate.") from None
    except ReservationEnded as error:
        how = "cancelled" if error.cancelled else "settled"
        raise EndedReservation(f"The reservation was {how} before. Nothing was changed.") from None
    except TooManyReservations:
        raise ReservationsExhausted(f"The key has {MAX_OPEN} open reservations. Nothing was reserved.") from None
