"""What every authenticated call has in common."""

from typing import Any, ClassVar, NoReturn

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from apikeys.authentication import KeyAuthentication
from apikeys.config_service import ConfigService
from apikeys.directory import default_directory
from apikeys.errors import QuotaExceeded
from apikeys.parsers import StrictJSONParser
from apikeys.permissions import HasScope, caller
from apikeys.request_context import request_id_of
from apikeys.throttling import KeyThrottle
from events.origin import Origin
from latchkey import headers
from latchkey.timestamps import rfc3339


class KeyAPIView(APIView):
    """A call by a key. `scopes` names the scope that each method needs; a method without one needs none.

    One that `needs_database` is refused at once, and costs nothing, while that is known to be down.
    """

    authentication_classes = [KeyAuthentication]
    throttle_classes = [KeyThrottle]
    permission_classes = [HasScope]
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    scopes: ClassVar[dict[str, str]] = {}
    needs_database: ClassVar[bool] = True

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

    def throttled(self, request: Request, wait: float | None) -> NoReturn:
        seconds = int(wait or 1)
        detail = f"The key's limit is reached; the next request passes in {seconds} s."
        raise QuotaExceeded(detail, violated_policies=["key"], retry_after_seconds=seconds)


def service_for(request: Request) -> ConfigService:
    """The writer, acting for the key that calls and bounded by its scopes."""
    return ConfigService(origin_of(request), authority=caller(request))


def effective_by(service: ConfigService) -> dict[str, str]:
    """The field that tells from when on the change just made holds everywhere."""
    moment = service.effective_by
    return {headers.LATCHKEY_EFFECTIVE_BY: rfc3339(moment, timespec="milliseconds")} if moment else {}


def origin_of(request: Request) -> Origin:
    """The key that calls, and the request."""
    return Origin(caller(request).actor, request_id_of(request.META))
