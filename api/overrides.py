"""/v1/overrides: other amounts of single limits, for a key or an owner, until a moment."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api import owners
from api.base import READ_KEYS, WRITE_KEYS, KeyAPIView, effective_by, policies_for
from api.creation import created
from api.permissions import caller, require_scope
from api.schemas import limits
from api.schemas.fields import IDEMPOTENCY_KEY, effective_by_field
from apikeys.idempotency import Creation
from apikeys.policies.lookup import find_override
from apikeys.policies.pages import OVERRIDE_QUERY, override_page
from apikeys.policies.representation import override_json
from apikeys.policies.service import PolicyService

_READ: Final = {"key_id": READ_KEYS, "owner": owners.READ}
_WRITE: Final = {"key_id": WRITE_KEYS, "owner": owners.WRITE}


class OverrideCollection(KeyAPIView):
    """All overrides."""

    queries = {"GET": OVERRIDE_QUERY}
    problems = {"GET": ("insufficient-scope",), "POST": ("insufficient-scope",)}

    @extend_schema(operation_id="list_overrides", responses=limits.OverridePage)
    def get(self, request: Request) -> Response:
        """List overrides that have not ended, newest first, a page at a time. Those of a key need `keys:read`, those of
        an owner `owners:read`, and all of them both.
        """
        _require_scopes(request, _READ, self.parameters)
        found, following = override_page(**self.parameters)
        return Response({"items": [override_json(override) for override in found], "next": following})

    @extend_schema(
        operation_id="grant_override",
        parameters=[IDEMPOTENCY_KEY, effective_by_field(201)],
        request=limits.OverrideCreate,
        responses={201: limits.Override},
    )
    def post(self, request: Request) -> Response:
        """Grant an override. That of a key needs `keys:write`, that of an owner `owners:write`. It applies to the next
        request.
        """
        _require_scopes(request, _WRITE, request.data)
        service = policies_for(request)
        return created(request, lambda: self._create(request, service), committed_fields=lambda: effective_by(service))

    def _create(self, request: Request, service: PolicyService) -> Creation:
        body = override_json(service.grant_override(request.data))
        return Creation(body, body, {})


class OverrideItem(KeyAPIView):
    """One override."""

    problems = {"DELETE": ("insufficient-scope",)}

    @extend_schema(operation_id="end_override", parameters=[effective_by_field(204)], responses={204: None})
    def delete(self, request: Request, override_id: int) -> Response:
        """End an override early. That of a key needs `keys:write`, that of an owner `owners:write`."""
        if not any(caller(request).allows(scope) for scope in _WRITE.values()):
            # Otherwise a key without either scope could find out which overrides exist.
            require_scope(caller(request), owners.WRITE)
        shown = override_json(find_override(override_id))
        _require_scopes(request, _WRITE, {name: shown[name] for name in _WRITE if shown[name] is not None})
        service = policies_for(request)
        service.end_override(override_id)
        return Response(status=204, headers=effective_by(service))


def _require_scopes(request: Request, scopes: dict[str, str], subjects: Any) -> None:
    """Raise InsufficientScope unless the key has the scope for each of `subjects`, or for all kinds without one."""
    named = [scope for name, scope in scopes.items() if isinstance(subjects, dict) and name in subjects]
    for scope in named or scopes.values():
        require_scope(caller(request), scope)
