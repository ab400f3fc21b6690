"""Operator of the admin: the signed-in user as the origin of events and changes."""

from collections.abc import Collection

from django.http import HttpRequest

from apikeys.config_service import ConfigService
from apikeys.policies.service import PolicyService
from apikeys.request_context import request_id_of
from events.origin import Origin


def operator_origin(request: HttpRequest) -> Origin:
    """Return the origin of the request's changes: the signed-in user and the request ID."""
    return Origin(f"user:{request.user.get_username()}", request_id_of(request.META))


def config_service_for(request: HttpRequest, expected: Collection[int] | None = None) -> ConfigService:
    """Return the service that changes keys and webhooks, acting for the signed-in user.

    It changes only what is in one of the states `expected`; None accepts every state.
    """
    moves_keys = request.user.has_perm("apikeys.change_owner")
    return ConfigService(operator_origin(request), expected=expected, moves_keys=moves_keys)


def policy_service_for(request: HttpRequest, expected: Collection[int] | None = None) -> PolicyService:
    """Return the service that changes plans, owners and overrides, like `config_service_for`."""
    return PolicyService(operator_origin(request), expected=expected)
