"""/v1/verify: services ask whether a credential may pass."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.gate import default_gate
from apikeys.request_context import address_of
from apikeys.schemas import Shape
from apikeys.views.base import KeyAPIView
from apikeys.views.keys import NO_STORE
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

    @extend_schema(operation_id="verify", request=VerifyRequest, responses=VerdictShape)
    def post(self, request: Request) -> Response:
        """Whether the credential may pass; its key pays `cost` tokens. The answer is 200 whatever the verdict."""
        verdict = judge(default_gate(), request.data, address_of(request.META), timezone.now())
        return Response(verdict.as_json(), headers=NO_STORE)
