"""/v1/owners: list, create, show, change and delete owners."""

from collections.abc import Iterable
from typing import Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import KeyAPIView, effective_by, etag, policies_for
from api.creation import created
from api.permissions import caller
from api.schemas import owners
from api.schemas.fields import IDEMPOTENCY_KEY, IF_MATCH, effective_by_field, etag_field
from apikeys.idempotency import Creation
from apikeys.models import Owner
from apikeys.policies.lookup import find_owner
from apikeys.policies.pages import OWNER_QUERY, owner_page
from apikeys.policies.representation import owner_json
from apikeys.policies.service import PolicyService
from apikeys.representation import receipt_json

READ: Final = "owners:read"
WRITE: Final = "owners:write"


class OwnerCollection(KeyAPIView):
    """All owners."""

    scopes = {"GET": READ, "POST": WRITE}
    queries = {"GET": OWNER_QUERY}

    @extend_schema(operation_id="list_owners", responses=owners.OwnerPage)
    def get(self, request: Request) -> Response:
        """List owners, newest first, a page at a time."""
        found, following = owner_page(**self.parameters)
        return Response({"items": [owner_json(owner) for owner in found], "next": following})

    @extend_schema(
        operation_id="create_owner",
        parameters=[IDEMPOTENCY_KEY, etag_field(201), effective_by_field(201)],
        request=owners.OwnerCreate,
        responses={201: owners.Owner},
    )
    def post(self, request: Request) -> Response:
        """Create an owner. If it has a plan, the next request of each key with its name is limited by it."""
        service = policies_for(request)
        return created(request, lambda: self._create(request, service), committed_fields=lambda: effective_by(service))

    def _create(self, request: Request, service: PolicyService) -> Creation:
        owner = service.create_owner(request.data)
        body = owner_json(owner)
        return Creation(body, body, {**etag(owner.revision), "Location": f"/v1/owners/{owner.slug}"})


class OwnerItem(KeyAPIView):
    """One owner."""

    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}
    problems = {"DELETE": ("in-use",)}

    @extend_schema(operation_id="show_owner", parameters=[etag_field(200)], responses=owners.Owner)
    def get(self, request: Request, slug: str) -> Response:
        """Show an owner."""
        found = find_owner(slug)
        return Response(owner_json(found), headers=etag(found.revision))

    @extend_schema(
        operation_id="update_owner",
        parameters=[IF_MATCH, etag_field(200), effective_by_field(200)],
        request=owners.OwnerUpdate,
        responses=owners.CHANGED_OWNER,
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Change an owner. Another plan applies to the next request of each of its keys. Without `owners:read` the
        response has `slug` and the fields that were sent, and no others.
        """
        service = policies_for(request)
        changed = service.change_owner(slug, request.data)
        fields = {**etag(changed.revision), **effective_by(service)}
        return Response(_changed_json(request, changed, written=request.data), headers=fields)

    @extend_schema(operation_id="delete_owner", parameters=[IF_MATCH, effective_by_field(204)], responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Delete an owner whose name no key has."""
        service = policies_for(request)
        service.delete_owner(slug)
        return Response(status=204, headers=effective_by(service))


def _changed_json(request: Request, owner: Owner, written: Iterable[str]) -> dict[str, object]:
    """Return the owner after a change, or a receipt if the caller may not read owners."""
    shown = owner_json(owner)
    return shown if caller(request).allows(READ) else receipt_json(shown, ["slug", *written])
