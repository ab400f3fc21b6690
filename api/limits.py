"""/v1/keys/{key_id}/limits and /v1/owners/{slug}/limits: what is used of limits, and adjusting it."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api import owners
from api.base import READ_KEYS, WRITE_KEYS, KeyAPIView, policies_for
from api.permissions import caller, require_scope
from api.schemas import limits
from apikeys.lookup import find_key
from apikeys.policies.limit_states import key_limits, owner_limits
from apikeys.policies.lookup import find_owner
from apikeys.representation import receipt_json


class KeyLimits(KeyAPIView):
    """The limits of one key."""

    problems = {"GET": ("insufficient-scope",)}

    @extend_schema(operation_id="key_limits", responses=limits.LimitStates)
    def get(self, request: Request, key_id: str) -> Response:
        """Show a key's limits: its rate limit, and those of its plan and its owner's plan. Needs the scope `keys:read`,
        except for the limits of the calling key.
        """
        if caller(request).key_id != key_id:
            require_scope(caller(request), READ_KEYS)
        return Response({"limits": key_limits(find_key(key_id))})


class OwnerLimits(KeyAPIView):
    """The limits that the keys of one owner share."""

    scopes = {"GET": owners.READ}

    @extend_schema(operation_id="owner_limits", responses=limits.LimitStates)
    def get(self, request: Request, slug: str) -> Response:
        """Show the limits that all keys of an owner share."""
        return Response({"limits": owner_limits(find_owner(slug))})


class KeyLimitAdjustment(KeyAPIView):
    """An adjustment of what a key has used."""

    scopes = {"POST": WRITE_KEYS}

    @extend_schema(
        operation_id="adjust_key_limit",
        request=limits.Adjustment,
        responses=limits.ADJUSTED_LIMIT,
    )
    def post(self, request: Request, key_id: str, limit_name: str) -> Response:
        """Set or change what is used of a limit of a key. It applies to the next request. Without `keys:read` the
        response has `name` alone.
        """
        key = find_key(key_id)
        policies_for(request).adjust(key_id, limit_name, request.data)
        return Response(_readable(request, key_limits(key), limit_name, READ_KEYS))


class OwnerLimitAdjustment(KeyAPIView):
    """An adjustment of what an owner's keys have used together."""

    scopes = {"POST": owners.WRITE}

    @extend_schema(
        operation_id="adjust_owner_limit",
        request=limits.Adjustment,
        responses=limits.ADJUSTED_LIMIT,
    )
    def post(self, request: Request, slug: str, limit_name: str) -> Response:
        """Set or change what is used of a limit that an owner's keys share. It applies to the next request. Without
        `owners:read` the response has `name` alone.
        """
        owner = find_owner(slug)
        policies_for(request).adjust(slug, limit_name, request.data)
        return Response(_readable(request, owner_limits(owner), limit_name, owners.READ))


def _readable(request: Request, shown: list[dict[str, object]], name: str, scope: str) -> dict[str, object]:
    """Return the adjusted limit of those that are `shown`, or only its name if the caller may not read it."""
    # It is gone if the plan has changed since.
    adjusted: dict[str, object] = next((state for state in shown if state["name"] == name), {"name": name})
    return adjusted if caller(request).allows(scope) else receipt_json(adjusted, ["name"])
