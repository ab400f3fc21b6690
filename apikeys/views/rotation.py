"""/v1/keys/{key_id}/rotate: a new secret, and the end of the old one."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys import schemas
from apikeys.representation import issued_json, key_json
from apikeys.views.base import KeyAPIView, service_for
from apikeys.views.keys import NO_STORE
from ratelimit.limiter import default_limiter


class KeyRotation(KeyAPIView):
    """The rotation of one key."""

    scopes = {"POST": "keys:write"}

    @extend_schema(operation_id="rotate_key", request=schemas.Rotate, responses=schemas.IssuedKey)
    def post(self, request: Request, key_id: str) -> Response:
        """Makes a new secret and shows it, this once; the old one works on for grace_seconds."""
        issued = service_for(request).rotate(key_id, request.data)
        return Response(issued_json(issued, timezone.now(), default_limiter()), headers=NO_STORE)


class KeyRotationFinish(KeyAPIView):
    """The early end of a rotation."""

    scopes = {"POST": "keys:write"}

    @extend_schema(operation_id="finish_rotation", request=None, responses=schemas.Key)
    def post(self, request: Request, key_id: str) -> Response:
        """Ends the retiring secret now."""
        key = service_for(request).finish_rotation(key_id)
        return Response(key_json(key, timezone.now(), default_limiter()))
