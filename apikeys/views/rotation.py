"""/v1/keys/{key_id}/rotate: a new secret, and the end of the old one."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys import schemas
from apikeys.representation import issued_json, key_json
from apikeys.views.base import KeyAPIView, effective_by, service_for
from apikeys.views.keys import NO_STORE
from ratelimit.limiter import default_limiter


class KeyRotation(KeyAPIView):
    """The rotation of one key."""

    scopes = {"POST": "keys:write"}

    @extend_schema(
        operation_id="rotate_key",
        parameters=[schemas.effective_by(200)],
        request=schemas.Rotate,
        responses=schemas.IssuedKey,
    )
    def post(self, request: Request, key_id: str) -> Response:
        """Makes a new secret and shows it, this once; the old one works on for grace_seconds."""
        service = service_for(request)
        issued = service.rotate(key_id, request.data)
        body = issued_json(issued, timezone.now(), default_limiter())
        return Response(body, headers={**NO_STORE, **effective_by(service)})


class KeyRotationFinish(KeyAPIView):
    """The early end of a rotation."""

    scopes = {"POST": "keys:write"}

    @extend_schema(
        operation_id="finish_rotation", parameters=[schemas.effective_by(200)], request=None, responses=schemas.Key
    )
    def post(self, request: Request, key_id: str) -> Response:
        """Ends the retiring secret now."""
        service = service_for(request)
        key = service.finish_rotation(key_id)
        return Response(key_json(key, timezone.now(), default_limiter()), headers=effective_by(service))
