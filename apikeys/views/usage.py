"""/v1/keys/{key_id}/usage and /v1/whoami/usage: the usage of a key."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys import schemas
from apikeys.lookup import find_key
from apikeys.permissions import caller
from apikeys.usage_report import QUERY, usage_json
from apikeys.views.base import KeyAPIView


class KeyUsage(KeyAPIView):
    """The usage of one key."""

    scopes = {"GET": "keys:read"}
    queries = {"GET": QUERY}

    @extend_schema(operation_id="key_usage", responses=schemas.Usage(many=True))
    def get(self, request: Request, key_id: str) -> Response:
        """Show a key's use: requests that were allowed and throttled, by step. Steps without a request are left out."""
        return Response(usage_json(find_key(key_id), timezone.now(), **self.asked))


class OwnUsage(KeyAPIView):
    """The usage of the calling key. It needs no scope, because the key reads only about itself."""

    queries = {"GET": QUERY}

    @extend_schema(operation_id="own_usage", responses=schemas.Usage(many=True))
    def get(self, request: Request) -> Response:
        """Show the calling key's own use: requests that were allowed and throttled, by step. Steps without a request
        are left out.
        """
        return Response(usage_json(find_key(caller(request).key_id), timezone.now(), **self.asked))
