"""/v1/whoami: the calling key."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import KeyAPIView
from api.permissions import caller
from api.schemas import keys
from apikeys.request_context import request_id_of
from ratelimit.throttling import decision_of


class WhoAmI(KeyAPIView):
    """The calling key."""

    needs_database = False

    @extend_schema(operation_id="whoami", responses=keys.WhoAmI)
    def get(self, request: Request) -> Response:
        """Show the calling key, and how many tokens its bucket holds."""
        auth = caller(request)
        decision = decision_of(request.META)
        limit = decision.limit if decision else None
        return Response(
            {
                "key_id": auth.key_id,
                "label": auth.label,
                "owner": auth.owner,
                "scopes": sorted(auth.scopes),
                "rate_limit": limit.as_json() if limit else None,
                "remaining": decision.remaining if decision and limit else None,
                "request_id": request_id_of(request.META),
            }
        )
