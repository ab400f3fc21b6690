"""/v1/keys/{key_id}/rotate: start and finish a rotation."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import NO_STORE, KeyAPIView, changed_json, effective_by, etag, service_for
from api.schemas import keys
from api.schemas.fields import IF_MATCH, effective_by_field, etag_field
from apikeys.representation import new_secret_json


class KeyRotation(KeyAPIView):
    """The rotation of one key."""

    scopes = {"POST": "keys:write"}
    problems = {"POST": ("already-revoked", "rotation-in-progress")}

    @extend_schema(
        operation_id="rotate_key",
        parameters=[IF_MATCH, etag_field(200), effective_by_field(200)],
        request=keys.Rotate,
        responses=keys.ROTATED_KEY,
    )
    def post(self, request: Request, key_id: str) -> Response:
        """Rotate a key: make a new secret, which no other response shows. The old one still works for grace_seconds.
        Without `keys:read` the response has `key_id`, the new secret, and no other fields.
        """
        service = service_for(request)
        issued = service.rotate(key_id, request.data)
        body = changed_json(request, issued.key) | new_secret_json(issued)
        return Response(body, headers={**NO_STORE, **etag(issued.key.epoch), **effective_by(service)})


class KeyRotationFinish(KeyAPIView):
    """The early end of a rotation."""

    scopes = {"POST": "keys:write"}
    problems = {"POST": ("already-revoked",)}

    @extend_schema(
        operation_id="finish_rotation",
        parameters=[IF_MATCH, etag_field(200), effective_by_field(200)],
        request=keys.Finish,
        responses=keys.CHANGED_KEY,
    )
    def post(self, request: Request, key_id: str) -> Response:
        """Finish a rotation: end the retiring secret now, even if it is still in use. Compare `last_used_at` of both
        secrets first. With secret_id, end it only if it is that one. Without `keys:read` the response has `key_id` and
        no other fields.
        """
        service = service_for(request)
        key = service.finish_rotation(key_id, request.data)
        return Response(changed_json(request, key), headers={**etag(key.epoch), **effective_by(service)})
