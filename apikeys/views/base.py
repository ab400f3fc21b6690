"""What every authenticated call has in common."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final, NoReturn

from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from apikeys.authentication import KeyAuthentication
from apikeys.config_service import ConfigService
from apikeys.directory import default_directory
from apikeys.errors import QuotaExceeded
from apikeys.models import APIKey
from apikeys.parsers import StrictJSONParser
from apikeys.permissions import HasScope, caller
from apikeys.representation import key_json, receipt_json
from apikeys.request_context import raw_query, request_id_of
from apikeys.throttling import KeyThrottle
from events.origin import Origin
from latchkey import headers
from latchkey.preconditions import entity_tag, expected_states
from latchkey.problem_catalogue import CREDENTIAL_PROBLEMS
from latchkey.query import Query, parse_query
from latchkey.timestamps import rfc3339
from ratelimit.limiter import default_limiter

READ_KEYS: Final = "keys:read"

CALLER_PROBLEMS: Final = (
    *CREDENTIAL_PROBLEMS,
    "invalid-parameters",
    "quota-exceeded",
    "unavailable",
)
"""What can go wrong with every call that a key makes."""


class KeyAPIView(APIView):
    """A call by a key. `scopes` names the scope that each method needs; a method without one needs none. `queries` has
    the query parameters that each method takes; every other is rejected. `asked` is what the request sent of them.
    For the OpenAPI document alone, `problems` names what can go wrong with a method besides what can with every call,
    and `tag` the section that it is in (else its path does).

    One that `needs_database` is refused at once, and costs nothing, while that is known to be down.
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
    asked: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticates, then takes tokens, then judges permissions: a 403 costs what a 200 costs, so that a key
        cannot probe for scopes without limit. (REST framework's own order judges permissions first.)
        """
        self.format_kwarg = None
        request.version, request.versioning_scheme = None, None
        self.perform_authentication(request)
        if self.needs_database:
            default_directory().refuse_while_down()
        self.check_throttles(request)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self.check_permissions(request)
        if request.method and hasattr(self, request.method.lower()):  # else 405, whatever the query says
            self.asked = parse_query(raw_query(request.META), self.query_of(request))

    def query_of(self, request: Request) -> Query:
        """Return the parameters that this request may send."""
        method = str(request.method)
        return self.queries.get("GET" if method == "HEAD" else method, ())

    def throttled(self, request: Request, wait: float | None) -> NoReturn:
        seconds = int(wait or 1)
        detail = f"The key's limit is reached; the next request passes in {seconds} s."
        raise QuotaExceeded(detail, violated_policies=["key"], retry_after_seconds=seconds)


def service_for(request: Request) -> ConfigService:
    """The writer, acting for the key that calls, bounded by its scopes and by the request's `If-Match`."""
    expected = expected_states(request.headers.get(headers.IF_MATCH))
    return ConfigService(origin_of(request), authority=caller(request), expected=expected)


def etag(state: int) -> dict[str, str]:
    """The field that names the state in which a key (its epoch) or a webhook (its revision) is shown."""
    return {headers.ETAG: entity_tag(state)}


def changed_json(request: Request, key: APIKey, written: Iterable[str] = ()) -> dict[str, object]:
    """The key after a change, for a caller that may read keys; for others a receipt: see `receipt_json`."""
    shown = key_json(key, timezone.now(), default_limiter())
    return shown if caller(request).allows(READ_KEYS) else receipt_json(shown, written)


def effective_by(service: ConfigService) -> dict[str, str]:
    """The field that tells from when on the change just made holds everywhere."""
    moment = service.effective_by
    return {headers.LATCHKEY_EFFECTIVE_BY: rfc3339(moment, timespec="milliseconds")} if moment else {}


def origin_of(request: Request) -> Origin:
    """The key that calls, and the request."""
    return Origin(caller(request).actor, request_id_of(request.META))
