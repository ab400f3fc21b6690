"""/v1/keys: list, create, show, change and revoke."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import NO_STORE, READ_KEYS, KeyAPIView, changed_json, effective_by, etag, service_for
from api.creation import created
from api.schemas import keys, limits
from api.schemas.fields import IDEMPOTENCY_KEY, IF_MATCH, effective_by_field, etag_field
from apikeys.idempotency import Creation
from apikeys.lookup import find_key
from apikeys.pages import QUERY, key_page
from apikeys.policies.limit_states import key_limits_if_readable
from apikeys.representation import issued_json, key_json
from latchkey.credentials import SECRET_FIELDS
from ratelimit.limiter import default_limiter


class KeyCollection(KeyAPIView):
    """All keys."""

    scopes = {"GET": READ_KEYS, "POST": "keys:write"}
    problems = {"POST": ("insufficient-scope",)}
    queries = {"GET": QUERY}

    @extend_schema(operation_id="list_keys", responses=keys.KeyPage)
    def get(self, request: Request) -> Response:
        """List keys, newest first, a page at a time."""
        now = timezone.now()
        page = key_page(now, **self.parameters)
        limiter = default_limiter()
        return Response({"items": [key_json(key, now, limiter) for key in page.keys], "next": page.next})

    @extend_schema(
        operation_id="create_key",
        parameters=[IDEMPOTENCY_KEY, etag_field(201)],
        request=keys.KeyCreate,
        responses={201: keys.CreatedKey},
    )
    def post(self, request: Request) -> Response:
        """Issue a key. No other response shows its secret. With an Idempotency-Key that was sent before, the response
        is the same without the fields that hold it.
        """
        return created(request, lambda: self._create(request))

    def _create(self, request: Request) -> Creation:
        issued = service_for(request).issue(request.data)
        body = issued_json(issued, timezone.now(), default_limiter())
        # This response is stored, so it must not contain the secret.
        again = {name: value for name, value in body.items() if name not in SECRET_FIELDS}
        location = f"/v1/keys/{issued.key.key_id}"
        return Creation(body, again, {**NO_STORE, **etag(issued.key.epoch), "Location": location})


class KeyItem(KeyAPIView):
    """One key."""

    scopes = {"GET": READ_KEYS, "PATCH": "keys:write", "DELETE": "keys:write"}
    problems = {"PATCH": ("already-revoked",), "DELETE": ("already-revoked",)}

    @extend_schema(operation_id="show_key", parameters=[etag_field(200)], responses=limits.ShownKey)
    def get(self, request: Request, key_id: str) -> Response:
        """Show a key. Its secrets are listed without their text. Only this response has `limits`, with what is used of
        them; `used` is null while the bucket store is down.
        """
        key = find_key(key_id)
        shown = key_json(key, timezone.now(), default_limiter()) | {"limits": key_limits_if_readable(key)}
        return Response(shown, headers=etag(key.epoch))

    @extend_schema(
        operation_id="update_key",
        parameters=[IF_MATCH, etag_field(200), effective_by_field(200)],
        request=keys.KeyUpdate,
        responses=keys.CHANGED_KEY,
    )
    def patch(self, request: Request, key_id: str) -> Response:
        """Change a key. Fields that are not sent stay. The change applies to the next request. To move a key from or to
        an owner whose keys share limits also needs `owners:write`. Without `keys:read` the response has `key_id` and
        the fields that were sent, and no others.
        """
        service = service_for(request)
        key = service.update(key_id, request.data)
        fields = {**etag(key.epoch), **effective_by(service)}
        return Response(changed_json(request, key, written=request.data), headers=fields)

    @extend_schema(operation_id="revoke_key", parameters=[IF_MATCH, effective_by_field(204)], responses={204: None})
    def delete(self, request: Request, key_id: str) -> Response:
        """Revoke a key permanently."""
        service = service_for(request)
        service.revoke(key_id)
        return Response(status=204, headers=effective_by(service))
