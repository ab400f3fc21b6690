"""DRF permission: the scope that a call needs."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from apikeys.errors import InsufficientScope
from latchkey.auth_context import AuthContext


def require_scope(auth: AuthContext, scope: str) -> None:
    """Raise InsufficientScope, which names `scope`, if the key lacks it."""
    if not auth.allows(scope):
        raise InsufficientScope(f"This call needs the scope {scope}.")


def caller(request: Request) -> AuthContext:
    """Return the calling key. Raises TypeError if the view does not authenticate by key."""
    auth: object = request.user
    if not isinstance(auth, AuthContext):
        raise TypeError("the view is not authenticated by a key")
    return auth


class HasScope(BasePermission):
    """DRF permission that requires the scope which the view's `scopes` names for the method. Without one, no scope
    is needed.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        scopes: dict[str, str] = getattr(view, "scopes", {})
        wanted = scopes.get("GET" if request.method == "HEAD" else request.method or "")
        if wanted is not None:
            require_scope(caller(request), wanted)
        return True
