"""/v1/keys: list, create, show, change and revoke."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys import schemas
from apikeys.lookup import find_key
from apikeys.pages import key_page
from apikeys.representation import issued_json, key_json
from apikeys.views.base import KeyAPIView, effective_by, service_for
from ratelimit.limiter import default_limiter

NO_STORE = {"Cache-Control": "no-store"}


class KeyCollection(KeyAPIView):
    """All keys."""

    scopes = {"GET": "keys:read", "POST": "keys:write"}

    @extend_schema(operation_id="list_keys", parameters=schemas.PAGE_PARAMETERS, responses=schemas.KeyPage)
    def get(self, request: Request) -> Response:
        """A page of keys, newest first."""
        now = timezone.now()
        asked = {name: request.query_params.get(name) for name in ("cursor", "limit", "q", "state")}
        page = key_page(now, **asked)
        limiter = default_limiter()
        return Response({"items": [key_json(key, now, limiter) for key in page.keys], "next": page.next})

    @extend_schema(operation_id="create_key", request=schemas.KeyCreate, responses={201: schemas.IssuedKey})
    def post(self, request: Request) -> Response:
        """Issues a key. The answer shows its secret, this once."""
        issued = service_for(request).issue(request.data)
        body = issued_json(issued, timezone.now(), default_limiter())
        headers = {**NO_STORE, "Location": f"/v1/keys/{issued.key.key_id}"}
        return Response(body, status=201, headers=headers)


class KeyItem(KeyAPIView):
    """One key."""

    scopes = {"GET": "keys:read", "PATCH": "keys:write", "DELETE": "keys:write"}

    @extend_schema(operation_id="show_key", responses=schemas.Key)
    def get(self, request: Request, key_id: str) -> Response:
        """The key."""
        return Response(key_json(find_key(key_id), timezone.now(), default_limiter()))

    @extend_schema(
        operation_id="update_key",
        parameters=[schemas.effective_by(200)],
        request=schemas.KeyUpdate,
        responses=schemas.Key,
    )
    def patch(self, request: Request, key_id: str) -> Response:
        """Changes the members that are sent; the change holds from the next request on."""
        service = service_for(request)
        key = service.update(key_id, request.data)
        return Response(key_json(key, timezone.now(), default_limiter()), headers=effective_by(service))

    @extend_schema(operation_id="revoke_key", parameters=[schemas.effective_by(204)], responses={204: None})
    def delete(self, request: Request, key_id: str) -> Response:
        """Revokes the key, for ever."""
        service = service_for(request)
        service.revoke(key_id)
        return Response(status=204, headers=effective_by(service))
