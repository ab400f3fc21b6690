"""/v1/plans: list, create, show, change and delete plans."""

from collections.abc import Iterable
from typing import Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import KeyAPIView, effective_by, etag, policies_for
from api.creation import created
from api.permissions import caller
from api.schemas import plans
from api.schemas.fields import IDEMPOTENCY_KEY, IF_MATCH, effective_by_field, etag_field
from apikeys.idempotency import Creation
from apikeys.models import Plan
from apikeys.policies.lookup import find_plan
from apikeys.policies.pages import PLAN_QUERY, plan_page
from apikeys.policies.representation import plan_json
from apikeys.representation import receipt_json

READ: Final = "plans:read"
WRITE: Final = "plans:write"


class PlanCollection(KeyAPIView):
    """All plans."""

    scopes = {"GET": READ, "POST": WRITE}
    queries = {"GET": PLAN_QUERY}

    @extend_schema(operation_id="list_plans", responses=plans.PlanPage)
    def get(self, request: Request) -> Response:
        """List plans, newest first, a page at a time."""
        found, following = plan_page(**self.parameters)
        return Response({"items": [plan_json(plan) for plan in found], "next": following})

    @extend_schema(
        operation_id="create_plan",
        parameters=[IDEMPOTENCY_KEY, etag_field(201)],
        request=plans.PlanCreate,
        responses={201: plans.Plan},
    )
    def post(self, request: Request) -> Response:
        """Create a plan. It limits nothing until a key or an owner has it."""
        return created(request, lambda: self._create(request))

    def _create(self, request: Request) -> Creation:
        plan = policies_for(request).create_plan(request.data)
        body = plan_json(plan)
        return Creation(body, body, {**etag(plan.revision), "Location": f"/v1/plans/{plan.name}"})


class PlanItem(KeyAPIView):
    """One plan."""

    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}
    problems = {"DELETE": ("in-use",)}

    @extend_schema(operation_id="show_plan", parameters=[etag_field(200)], responses=plans.Plan)
    def get(self, request: Request, name: str) -> Response:
        """Show a plan."""
        found = find_plan(name)
        return Response(plan_json(found), headers=etag(found.revision))

    @extend_schema(
        operation_id="update_plan",
        parameters=[IF_MATCH, etag_field(200), effective_by_field(200)],
        request=plans.PlanUpdate,
        responses=plans.CHANGED_PLAN,
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change a plan. The change applies to the next request of each key that it limits; what was spent stays spent.
        Without `plans:read` the response has `name` and the fields that were sent, and no others.
        """
        service = policies_for(request)
        changed = service.change_plan(name, request.data)
        fields = {**etag(changed.revision), **effective_by(service)}
        return Response(_changed_json(request, changed, written=request.data), headers=fields)

    @extend_schema(operation_id="delete_plan", parameters=[IF_MATCH, effective_by_field(204)], responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Delete a plan that no key and no owner has."""
        service = policies_for(request)
        service.delete_plan(name)
        return Response(status=204, headers=effective_by(service))


def _changed_json(request: Request, plan: Plan, written: Iterable[str]) -> dict[str, object]:
    """Return the plan after a change, or a receipt if the caller may not read plans."""
    shown = plan_json(plan)
    return shown if caller(request).allows(READ) else receipt_json(shown, ["name", *written])
