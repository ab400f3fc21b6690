"""ASGI hand-off: connects a server that can keep a stream open with the events view, through the request's META."""

from dataclasses import dataclass
from typing import Any, Final

from api.reauthorization import SessionAuthorization
from events.stream.limits import StreamLimit
from events.stream.start import StreamStart

_OFFER: Final = "latchkey.stream_offer"


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A live stream that a view has allowed: the caller to re-authorize, and where the stream starts."""

    authorization: SessionAuthorization
    start: StreamStart

    @property
    def key_id(self) -> str:
        """Return the ID of the key that follows the stream."""
        return self.authorization.credential.key_id


class StreamOffer:
    """Offer of the server to stream the event log for one request. `call` is set once the view accepts it."""

    def __init__(self, limit: StreamLimit) -> None:
        self._limit = limit
        self.call: LiveCall | None = None

    def accept(self, call: LiveCall) -> None:
        """Reserve a place for the stream. Raises TooManyStreams."""
        self._limit.acquire(call.key_id)
        self.call = call

    def withdraw(self) -> None:
        """Release the place, if one was reserved. The server calls this when it is done with the request."""
        if self.call is not None:
            self._limit.release(self.call.key_id)


def make_offer(environ: dict[str, Any], offer: StreamOffer) -> None:
    """Store the offer in the request's `META`."""
    environ[_OFFER] = offer


def offer_of(environ: dict[str, Any]) -> StreamOffer | None:
    """Return the offer of the request with this `META`, or None if the server cannot keep a stream open."""
    offer = environ.get(_OFFER)
    return offer if isinstance(offer, StreamOffer) else None
