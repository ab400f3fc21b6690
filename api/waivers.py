"""Views of /v1/waivers: permission to violate a guard rail, for a reason and a time."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import KeyAPIView, origin_of
from api.creation import created
from api.schemas import health
from api.schemas.fields import IDEMPOTENCY_KEY
from apikeys.idempotency import Creation
from health.models import Waiver
from health.waivers import Waivers, waiver_json


class WaiverCollection(KeyAPIView):
    """The waivers in force."""

    scopes = {"GET": "health:read", "POST": "health:write"}
    problems = {"POST": ("not-found",)}

    @extend_schema(operation_id="list_waivers", responses=health.WaiverList)
    def get(self, request: Request) -> Response:
        """List the waivers in force, newest first."""
        return Response({"items": [waiver_json(waiver) for waiver in Waiver.objects.in_force(timezone.now())]})

    @extend_schema(
        operation_id="grant_waiver",
        parameters=[IDEMPOTENCY_KEY],
        request=health.WaiverGrant,
        responses={201: health.Waiver},
    )
    def post(self, request: Request) -> Response:
        """Grant a waiver. It silences a guard rail, for one key or for all, until `ends_at`."""
        return created(request, lambda: self._create(request))

    def _create(self, request: Request) -> Creation:
        waiver = waiver_json(_waivers(request).grant(request.data))
        return Creation(waiver, waiver, {})


class WaiverItem(KeyAPIView):
    """One waiver."""

    scopes = {"DELETE": "health:write"}

    @extend_schema(operation_id="end_waiver", responses={204: None})
    def delete(self, request: Request, waiver_id: int) -> Response:
        """End a waiver early. The guard rail alerts again immediately."""
        _waivers(request).end(waiver_id)
        return Response(status=204)


def _waivers(request: Request) -> Waivers:
    return Waivers(origin_of(request))
