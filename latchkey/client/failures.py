"""Why a call came to no result: the server said no, there was no answer, or the answer was not Latchkey's."""

from collections.abc import Iterable, Mapping

from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import FieldError, ProblemError


class ClientError(Exception):
    """The root of what a call raises. `request_id` names the call in the server's log, if it got there; `status` is
    that of the answer, None where there was none.
    """

    request_id: str = ""
    status: int | None = None


class ReceivedProblem(ClientError, ProblemError):
    """The server answered with a problem (RFC 9457); the fields are the server's.

    `retry_after_seconds` is its `Retry-After`; `document` is the body as it came.
    """

    def __init__(
        self,
        detail: str,
        *,
        slug: str,
        status: int,
        title: str,
        instance: str,
        request_id: str,
        errors: Iterable[FieldError],
        violated_policies: Iterable[str],
        retry_after_seconds: int | None,
        document: Mapping[str, object],
    ) -> None:
        super().__init__(
            detail, errors=errors, violated_policies=violated_policies, retry_after_seconds=retry_after_seconds
        )
        self.slug = slug
        self.status = status
        self.title = title
        self.instance = instance
        self.request_id = request_id
        self.document = document

    @property
    def remedy(self) -> str:
        """What to do next, for a kind of problem that this version knows; else empty."""
        known = CATALOGUE.get(self.slug)
        return known.remedy if known else ""


class CallingKeyThrottled(ReceivedProblem):
    """The rate limit of the key that calls is exceeded: it pays one token for each call, and the call did nothing.

    It says nothing about a key that was to be verified: if that one is over its limit, `verify` returns RATE_LIMITED.
    """

    def __str__(self) -> str:
        seconds = self.retry_after_seconds
        when = "" if seconds is None else f" Retry in {seconds} {'second' if seconds == 1 else 'seconds'}."
        return f"The rate limit of the calling key is exceeded.{when}"

    @property
    def remedy(self) -> str:
        """What to do next."""
        return (
            "Wait that long. If it happens often, give the calling key a higher limit: its calls per second at their "
            "peak, and as much again as headroom."
        )


class OwnFailure(ClientError):
    """What no server said: `title` and `remedy` are of the kind, the message is of the case."""

    title = "The call failed"
    remedy = ""


class NoAnswer(OwnFailure):
    """The server could not be reached, or went away before it had answered."""

    title = "No answer"
    remedy = "Try again. A change may have been made all the same: look before you repeat it."


class UntrustedServer(NoAnswer):
    """TLS failed: nothing was sent."""

    title = "The server cannot be trusted (TLS)"
    remedy = (
        "Check the host name in the URL. Where the certificate is from an authority of your own, name its file in "
        "SSL_CERT_FILE. Where the server speaks no TLS, the URL begins with http://."
    )


class UnknownHost(NoAnswer):
    """The host's name leads to no address (DNS)."""

    title = "No such host (DNS)"
    remedy = "Check the host name in the URL, and that this machine resolves names of that network."


class RefusedConnection(NoAnswer):
    """Nothing listens at the address: nothing was sent."""

    title = "The connection was refused"
    remedy = "Check the port in the URL, and that the server runs and no firewall stands in between."


class TimedOut(NoAnswer):
    """The server did not answer in time."""

    title = "The server did not answer in time"
    remedy = "Try again, or allow more time. A change may have been made all the same: look before you repeat it."


class ForeignAnswer(OwnFailure):
    """Something answered that is not Latchkey, or not alone."""

    title = "Not an answer of Latchkey"
    remedy = "Check that the URL is the address of a Latchkey server, and which proxy stands in front of it."


class NotJSON(ForeignAnswer):
    """The answer is not JSON: a web page, or a proxy's own words."""

    title = "The answer is not JSON"


class WrongServer(ForeignAnswer):
    """The answer is JSON of another shape than Latchkey's, or leads elsewhere."""

    title = "This is another server"
