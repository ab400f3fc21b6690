"""How a server that can keep a stream open and the view of the events find each other: through a request's META."""

from dataclasses import dataclass
from typing import Any, Final

from apikeys.standing import Standing
from events.stream.places import Places
from events.stream.start import StreamStart

_OFFER: Final = "latchkey.stream_offer"


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A live stream that a view has allowed: who follows, and from where."""

    standing: Standing
    start: StreamStart

    @property
    def key_id(self) -> str:
        """The key that follows."""
        return self.standing.credential.key_id


class StreamOffer:
    """The server's offer to follow the log for one request; `call` is what the view made of it, if it did."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.call: LiveCall | None = None

    def accept(self, call: LiveCall) -> None:
        """Takes a place for the stream. Raises TooManyStreams."""
        self._places.take(call.key_id)
        self.call = call

    def withdraw(self) -> None:
        """Gives the place back, if one was taken; the server does so when it is done with the request."""
        if self.call is not None:
            self._places.free(self.call.key_id)


def make_offer(environ: dict[str, Any], offer: StreamOffer) -> None:
    """Writes the offer into the request's `META`."""
    environ[_OFFER] = offer


def offer_of(environ: dict[str, Any]) -> StreamOffer | None:
    """The offer that came with the request with this `META`; None where the server cannot keep a stream open."""
    offer = environ.get(_OFFER)
    return offer if isinstance(offer, StreamOffer) else None
