"""/v1/keys/{key_id}/callers: who uses a key."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import KeyAPIView
from api.schemas import keys
from apikeys.callers.report import callers_json
from apikeys.lookup import find_key


class KeyCallers(KeyAPIView):
    """The callers of one key."""

    scopes = {"GET": "keys:read"}

    @extend_schema(operation_id="key_callers", responses=keys.KeyCaller(many=True))
    def get(self, request: Request, key_id: str) -> Response:
        """Show from which client addresses, and by which services, a key is used. Requests are estimates."""
        return Response(callers_json(find_key(key_id)))
