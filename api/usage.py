"""/v1/keys/{key_id}/usage and /v1/whoami/usage: the usage of a key."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import KeyAPIView
from api.permissions import caller
from api.schemas import keys
from apikeys.lookup import find_key
from apikeys.usage.report import QUERY, usage_json


class KeyUsage(KeyAPIView):
    """The usage of one key."""

    scopes = {"GET": "keys:read"}
    queries = {"GET": QUERY}

    @extend_schema(operation_id="key_usage", responses=keys.Usage(many=True))
    def get(self, request: Request, key_id: str) -> Response:
        """Show a key's use by step: allowed and throttled requests, and costs in other units. Steps without
        use are left out.
        """
        return Response(usage_json(find_key(key_id), timezone.now(), **self.parameters))


class OwnUsage(KeyAPIView):
    """The usage of the calling key. It needs no scope, because the key reads only about itself."""

    queries = {"GET": QUERY}

    @extend_schema(operation_id="own_usage", responses=keys.Usage(many=True))
    def get(self, request: Request) -> Response:
        """Show the calling key's own use by step: allowed and throttled requests, and costs in other units.
        Steps without use are left out.
        """
        return Response(usage_json(find_key(caller(request).key_id), timezone.now(), **self.parameters))
