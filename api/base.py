"""Base class and helpers of all REST views that a key calls."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final, NoReturn

from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from api.authentication import KeyAuthentication
from api.parsers import StrictJSONParser
from api.permissions import HasScope, caller
from api.throttling import KeyThrottle
from apikeys.cache.key_cache import default_key_cache
from apikeys.config_service import ConfigService
from apikeys.errors import QuotaExceeded
from apikeys.grants import OWNERS_WRITE
from apikeys.models import APIKey
from apikeys.policies.service import PolicyService
from apikeys.representation import key_json, receipt_json
from apikeys.request_context import raw_query, request_id_of
from events.origin import Origin
from latchkey import headers
from latchkey.preconditions import entity_tag, parse_if_match
from latchkey.problem_catalogue import CREDENTIAL_PROBLEMS
from latchkey.query import Query, parse_query
from latchkey.timestamps import rfc3339
from ratelimit.limiter import default_limiter
from ratelimit.throttling import decision_of
from ratelimit.violations import retry_after_seconds, violated_policies

READ_KEYS: Final = "keys:read"
WRITE_KEYS: Final = "keys:write"
NO_STORE: Final = dict([headers.NO_STORE])

CALLER_PROBLEMS: Final = (
    *CREDENTIAL_PROBLEMS,
    "invalid-parameters",
    "quota-exceeded",
    "unavailable",
)
"""Problems that every call by a key can return."""


class KeyAPIView(APIView):
    """Base class of views that a key calls.

    `scopes` names the scope that each method needs; a method without one needs none. `queries` has the query
    parameters of each method; all others are rejected. `parameters` holds the parsed parameters of the request. While
    the database is known to be down, a view that `needs_database` fails immediately, without taking a token.

    `problems` and `tag` are only for the OpenAPI document: the problems of a method in addition to
    CALLER_PROBLEMS, and the section of the call (default: derived from its path).
    """

    authentication_classes = [KeyAuthentication]
    throttle_classes = [KeyThrottle]
    permission_classes = [HasScope]
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    scopes: ClassVar[dict[str, str]] = {}
    queries: ClassVar[dict[str, Query]] = {}
    problems: ClassVar[dict[str, tuple[str, ...]]] = {}
    tag: ClassVar[str] = ""
    needs_database: ClassVar[bool] = True
    parameters: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate the request, take its token, check its scope and parse its query."""
        self.format_kwarg = None
        request.version, request.versioning_scheme = None, None
        self.perform_authentication(request)
        if self.needs_database:
            default_key_cache().raise_while_down()
        # REST framework checks permissions before throttles. Here a 403 costs a token as a 200 does, so that a key
        # cannot probe for scopes without limit.
        self.check_throttles(request)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self.check_permissions(request)
        # An unsupported method is a 405, whatever its query says.
        if request.method and hasattr(self, request.method.lower()):
            self.parameters = parse_query(raw_query(request.META), self.query_of(request))

    def query_of(self, request: Request) -> Query:
        """Return the query parameters that this request may send."""
        method = str(request.method)
        return self.queries.get("GET" if method == "HEAD" else method, ())

    def throttled(self, request: Request, wait: float | None) -> NoReturn:
        decision = decision_of(request.META)
        if decision is None:
            raise TypeError("no decision refused the request")
        raise QuotaExceeded.of_key(violated_policies(decision), retry_after_seconds(decision))


def service_for(request: Request) -> ConfigService:
    """Return the ConfigService for the calling key, limited by its scopes and by the request's `If-Match`."""
    expected = parse_if_match(request.headers.get(headers.IF_MATCH))
    authority = caller(request)
    moves_keys = authority.allows(OWNERS_WRITE)
    return ConfigService(origin_of(request), authority=authority, expected=expected, moves_keys=moves_keys)


def policies_for(request: Request) -> PolicyService:
    """Return the PolicyService for the calling key, limited by the request's `If-Match`."""
    expected = parse_if_match(request.headers.get(headers.IF_MATCH))
    return PolicyService(origin_of(request), expected=expected)


def etag(state: int) -> dict[str, str]:
    """Return the header field that identifies the state of a resource: its epoch or revision."""
    return {headers.ETAG: entity_tag(state)}


def changed_json(request: Request, key: APIKey, written: Iterable[str] = ()) -> dict[str, object]:
    """Return the key after a change, or a receipt if the caller may not read keys: see `receipt_json`."""
    shown = key_json(key, timezone.now(), default_limiter())
    return shown if caller(request).allows(READ_KEYS) else receipt_json(shown, written)


def effective_by(service: ConfigService | PolicyService) -> dict[str, str]:
    """Return the header field with the time from which the change applies everywhere; empty if nothing was changed."""
    moment = service.effective_by
    return {headers.LATCHKEY_EFFECTIVE_BY: rfc3339(moment, timespec="milliseconds")} if moment else {}


def origin_of(request: Request) -> Origin:
    """Return the origin of a change: the calling key and the request."""
    return Origin(caller(request).actor, request_id_of(request.META))
