"""Failures of a call: the server returned a problem, there was no response, or it wasn't Latchkey's."""

from collections.abc import Iterable, Mapping

from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import FieldError, ProblemError


class ClientError(Exception):
    """Base class of what a call raises.

    `request_id` names the call in the server's log, if it got there. `status` is that of the response, None
    without one.
    """

    request_id: str = ""
    status: int | None = None


class ReceivedProblem(ClientError, ProblemError):
    """A problem (RFC 9457) that the server returned; the attributes are the server's.

    `retry_after_seconds` is its `Retry-After`; `document` is the body as received.
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
        """Return what to do next, or an empty string for a kind of problem that this version doesn't know."""
        known = CATALOGUE.get(self.slug)
        return known.remedy if known else ""


class CallingKeyThrottled(ReceivedProblem):
    """The rate limit of the calling key is exceeded: it pays one token for each call, and this call did nothing.

    It says nothing about a key that was to be verified: if that one is over its limit, `verify` returns
    RATE_LIMITED.
    """

    def __str__(self) -> str:
        seconds = self.retry_after_seconds
        when = "" if seconds is None else f" Retry in {seconds} {'second' if seconds == 1 else 'seconds'}."
        return f"The rate limit of the calling key is exceeded.{when}"

    @property
    def remedy(self) -> str:
        """Return what to do next."""
        return (
            "Wait that long. If it happens often, give the calling key a higher limit: twice its calls per second at "
            "the peak."
        )


class LocalFailure(ClientError):
    """Failure that no server reported. `title` and `remedy` are those of the kind, the message is that of the case."""

    title = "The call failed"
    remedy = ""


class NoResponse(LocalFailure):
    """The server couldn't be reached, or closed the connection before it had responded."""

    title = "No response"
    remedy = "Try again. A change may have been made anyway: check before you repeat it."


class UntrustedServer(NoResponse):
    """TLS failed. Nothing was sent."""

    title = "The server cannot be trusted (TLS)"
    remedy = (
        "Check the host name in the URL. If the certificate is from your own authority, set SSL_CERT_FILE to the "
        "authority's file. If the server has no TLS, use a URL that begins with http://."
    )


class UnknownHost(NoResponse):
    """The host's name has no address (DNS)."""

    title = "No such host (DNS)"
    remedy = "Check the host name in the URL, and that this machine can resolve it."


class RefusedConnection(NoResponse):
    """Nothing listens at the address. Nothing was sent."""

    title = "The connection was refused"
    remedy = "Check the port in the URL, that the server is running, and that no firewall blocks it."


class TimedOut(NoResponse):
    """The server didn't respond in time."""

    title = "The server did not respond in time"
    remedy = "Try again, or set a longer timeout. A change may have been made anyway: check before you repeat it."


class UnexpectedResponse(LocalFailure):
    """A response that isn't from Latchkey, or not from Latchkey alone."""

    title = "Not a response from Latchkey"
    remedy = "Check that the URL is the address of a Latchkey server, and check the proxy in front of it."


class NotJSON(UnexpectedResponse):
    """The response isn't JSON: it's a web page, or a proxy's own message."""

    title = "The response is not JSON"


class WrongServer(UnexpectedResponse):
    """The response is JSON of another shape than Latchkey's, or a redirect."""

    title = "This is another server"
