"""/v1/check and /v1/verify as Django answers them; the server answers them ahead of it, by the same rules."""

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.gate import default_gate
from apikeys.request_context import address_of, request_id_of
from apikeys.schemas import Shape
from apikeys.views.base import KeyAPIView
from apikeys.views.keys import NO_STORE
from gateway.check import Call, check
from gateway.verdict import Code, judge
from ratelimit.limit import MAX_BURST


class VerifyRequest(Shape):
    """What is asked."""

    credential = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField(), required=False)
    cost = serializers.IntegerField(min_value=1, max_value=MAX_BURST, required=False, default=1)


class RemainingLimit(Shape):
    """What is left of the key's limit."""

    limit = serializers.IntegerField()
    remaining = serializers.IntegerField()
    reset_seconds = serializers.IntegerField()


class VerdictShape(Shape):
    """The verdict."""

    valid = serializers.BooleanField()
    code = serializers.ChoiceField(list(Code))
    key_id = serializers.CharField(allow_null=True)
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    owner = serializers.CharField(allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)
    metadata = serializers.JSONField(allow_null=True)
    rate_limit = RemainingLimit(allow_null=True)
    retry_after = serializers.IntegerField(allow_null=True)


class Verify(KeyAPIView):
    """The verdict on a credential."""

    scopes = {"POST": "verify"}
    needs_database = False

    @extend_schema(operation_id="verify", request=VerifyRequest, responses=VerdictShape)
    def post(self, request: Request) -> Response:
        """Whether the credential may pass; its key pays `cost` tokens. The answer is 200 whatever the verdict."""
        verdict = judge(default_gate(), request.data, address_of(request.META), timezone.now())
        return Response(verdict.as_json(), headers=NO_STORE)


class Check(APIView):
    """May this request pass? Proxies ask, with the fields of the request that they were sent."""

    authentication_classes = []

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[JSONRenderer, str]:
        """What the client of the proxy accepts is none of its business."""
        return JSONRenderer(), "application/json"

    @extend_schema(
        operation_id="check",
        parameters=[
            OpenApiParameter("scope", OpenApiTypes.STR, many=True, description="A scope that is needed."),
            OpenApiParameter("cost", OpenApiTypes.INT, description="Tokens that are taken; 1 by default."),
            OpenApiParameter("deny", OpenApiTypes.INT, enum=[403], description="Answer 403 in place of 429 and 400."),
            OpenApiParameter("allow", OpenApiTypes.INT, enum=[200], description="Answer 200 in place of 204."),
        ],
        request=None,
        responses={204: OpenApiResponse(description="It may; X-Latchkey-Key-Id, -Owner and -Scopes say who calls.")},
    )
    def get(self, request: Request) -> HttpResponse:
        """Whether the request's credential may pass, whatever the method; its key pays `cost` tokens."""
        call = Call(
            query=request.META.get("QUERY_STRING", "").encode("latin-1"),
            api_key=request.META.get("HTTP_X_API_KEY"),
            authorization=request.META.get("HTTP_AUTHORIZATION"),
            address=address_of(request.META),
            path=request.path,
            request_id=request_id_of(request.META),
        )
        answer = check(default_gate(), call)
        return HttpResponse(answer.body, status=answer.status, headers=dict(answer.fields))

    head = post = put = patch = delete = extend_schema(exclude=True)(get)
    options = head  # type: ignore[assignment]
