"""WSGI: a middleware that protects a whole app, of any framework."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Unpack

from latchkey.integrations.configuration import Configuration, Options
from latchkey.integrations.guard import Guard
from latchkey.integrations.incoming import IncomingRequest, ReadHeader
from latchkey.integrations.needs import Needs
from latchkey.integrations.outcome import Denied
from latchkey.integrations.principal import Principal
from latchkey.integrations.rules import AmbiguousPath, Rule, rule_for
from latchkey.integrations.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["LatchkeyMiddleware", "Principal", "Rule"]

ENVIRON_KEY: Final = "latchkey"
VISIT_KEY: Final = "latchkey.visit"


class LatchkeyMiddleware:
    """Middleware that lets a request pass only with a valid key, as `rules` say.

    `environ["latchkey"]` is its Principal. Raises ConfigurationError.
    """

    def __init__(self, app: "WSGIApplication", *, rules: Sequence[Rule] = (), **options: Unpack[Options]) -> None:
        self._app = app
        self._rules = tuple(rules)
        self._guard = Guard(Configuration.read(**options))

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Handle a request."""
        request = incoming(environ)
        try:
            rule = rule_for(self._rules, environ["REQUEST_METHOD"], request.path)
        except AmbiguousPath as error:
            return _send_denied(self._guard.policy.deny(request, error), environ, start_response)
        if rule.public:
            return self._app(environ, start_response)
        visit: Visit = environ.setdefault(VISIT_KEY, Visit())
        outcome = self._guard.admit(request, Needs.of(rule.scopes, rule.cost, rule.costs), visit)
        if isinstance(outcome, Denied):
            return _send_denied(outcome, environ, start_response)
        environ[ENVIRON_KEY] = outcome.principal
        return self._app(environ, _with_fields(start_response, visit))


def incoming(environ: "WSGIEnvironment") -> IncomingRequest:
    """Return the request of a WSGI environment."""
    # WSGI decodes the bytes of the path as Latin-1, whatever they are.
    path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
    return IncomingRequest.of(path or "/", header_reader(environ))


def header_reader(environ: Mapping[str, Any]) -> ReadHeader:
    """Return the function that reads a header field of a WSGI environment."""

    def read(name: str) -> str | None:
        value: str | None = environ.get("HTTP_" + name.upper().replace("-", "_"))
        return value

    return read


def _send_denied(denied: Denied, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Begin a problem response, and return its body."""
    size = ("Content-Length", str(len(denied.body)))
    start_response(f"{denied.status} {HTTPStatus(denied.status).phrase}", [*denied.fields, size])
    # Not every server removes the body of a response to HEAD.
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else denied.body]


def _with_fields(start_response: "StartResponse", visit: Visit) -> "StartResponse":
    """Return `start_response` that puts the fields of a visit, as they are then, in place of their namesakes."""

    def starting(status: str, present: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        names = {name.lower() for name, _ in visit.fields}
        kept = (pair for pair in present if pair[0].lower() not in names)
        return start_response(status, [*kept, *visit.fields], exc_info)

    return starting
