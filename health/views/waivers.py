"""/v1/waivers: leave to breach a guard rail, for a reason and a time."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.schemas import Shape
from apikeys.views.base import KeyAPIView, origin_of
from health.guard_rails import BY_NAME
from health.models import Waiver
from health.waivers import Waivers, waiver_json
from latchkey.validation import MAX_TEXT


class WaiverGrant(Shape):
    """What a waiver is granted with."""

    guard_rail = serializers.ChoiceField(list(BY_NAME))
    key_id = serializers.CharField(required=False, help_text="For this key alone; absent: for all.")
    reason = serializers.CharField(max_length=MAX_TEXT)
    ends_at = serializers.DateTimeField()


class WaiverShape(WaiverGrant):
    """A waiver."""

    id = serializers.IntegerField()
    granted_by = serializers.CharField()
    granted_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class WaiverList(Shape):
    """The waivers in force."""

    items = WaiverShape(many=True)


class WaiverCollection(KeyAPIView):
    """The waivers in force."""

    scopes = {"GET": "health:read", "POST": "health:write"}

    @extend_schema(operation_id="list_waivers", responses=WaiverList)
    def get(self, request: Request) -> Response:
        """Those in force now, newest first."""
        return Response({"items": [waiver_json(waiver) for waiver in Waiver.objects.in_force(timezone.now())]})

    @extend_schema(operation_id="grant_waiver", request=WaiverGrant, responses={201: WaiverShape})
    def post(self, request: Request) -> Response:
        """Silences a guard rail, for one key or for all, until `ends_at`."""
        return Response(waiver_json(_waivers(request).grant(request.data)), status=201)


class WaiverItem(KeyAPIView):
    """One waiver."""

    scopes = {"DELETE": "health:write"}

    @extend_schema(operation_id="end_waiver", responses={204: None})
    def delete(self, request: Request, waiver_id: int) -> Response:
        """Ends it before its time; the guard rail speaks again at once."""
        _waivers(request).end(waiver_id)
        return Response(status=204)


def _waivers(request: Request) -> Waivers:
    return Waivers(origin_of(request))
