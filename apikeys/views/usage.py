"""/v1/keys/{key_id}/usage: how much a key was used."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys import schemas
from apikeys.lookup import find_key
from apikeys.usage_report import usage_json
from apikeys.views.base import KeyAPIView


class KeyUsage(KeyAPIView):
    """The use of one key."""

    scopes = {"GET": "keys:read"}

    @extend_schema(operation_id="key_usage", parameters=schemas.USAGE_PARAMETERS, responses=schemas.Usage(many=True))
    def get(self, request: Request, key_id: str) -> Response:
        """Requests that were let pass and throttled, by step; steps without a request are left out."""
        asked = {name: request.query_params.get(name) for name in ("since", "until", "step")}
        return Response(usage_json(find_key(key_id), timezone.now(), **asked))
