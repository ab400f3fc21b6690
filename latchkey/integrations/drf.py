"""Django REST framework: an authentication class, permissions for scopes, and problem responses."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.http import HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from latchkey import headers
from latchkey.credentials import MissingCredential
from latchkey.denials import missing_scope
from latchkey.integrations.django_project import guard, incoming, problem_response
from latchkey.integrations.outcome import Denied
from latchkey.integrations.principal import Principal
from latchkey.problems import ProblemError

if TYPE_CHECKING:
    from rest_framework.views import APIView

__all__ = ["HasScope", "KeyUser", "LatchkeyAuthentication", "Principal", "exception_handler"]

_INSUFFICIENT_SCOPE: Final = "insufficient-scope"


class Denial(APIException):
    """The exception with which a request ends that may not pass.

    Any exception handler of REST framework responds with its status, challenge and time to wait.
    """

    def __init__(self, denied: Denied) -> None:
        super().__init__(denied.error.detail, denied.error.slug)
        self.denied = denied
        self.status_code = denied.status
        self.auth_header = headers.CHALLENGE if denied.status == 401 else None
        self.wait = denied.error.retry_after_seconds


class KeyUser:
    """User of a request with a valid key: it has signed in, and has none of Django's permissions.

    `principal` is also `request.auth`.
    """

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    @property
    def pk(self) -> str | None:
        """Return the key ID, by which throttles of REST framework count requests."""
        return self.principal.key_id

    @property
    def username(self) -> str:
        """Return the key ID, or an empty string for an unverified caller."""
        return self.principal.key_id or ""

    def __str__(self) -> str:
        return self.username

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return False: a key has scopes, not permissions."""
        return False

    def has_perms(self, perm_list: object, obj: object = None) -> bool:
        """Return False: a key has scopes, not permissions."""
        return False


class LatchkeyAuthentication(BaseAuthentication):
    """Authentication by the API key of a request. `request.user` is a KeyUser, and `request.auth` its Principal.

    The key pays `latchkey_cost` of the view, an attribute or a property, or else the `cost` of this class, and in the
    same way `latchkey_costs` or `costs` by unit. A request without a key isn't authenticated: add a permission such as
    IsAuthenticated or HasScope.
    """

    cost = 1
    costs: ClassVar[Mapping[str, int]] = {}

    def authenticate(self, request: Request) -> tuple[KeyUser, Principal] | None:
        """Return the user and the principal, or None without a credential. Raises Denial."""
        view = (request.parser_context or {}).get("view")
        cost, costs = getattr(view, "latchkey_cost", self.cost), getattr(view, "latchkey_costs", self.costs)
        outcome = guard().check(incoming(request._request), cost=cost, costs=costs)
        if isinstance(outcome, Denied):
            # Other authentication classes may recognize the request.
            if isinstance(outcome.error, MissingCredential):
                return None
            raise Denial(outcome)
        # REST framework adds these fields to the view's response, also if the view raises an exception.
        if view is not None:
            view.headers.update(outcome.fields)
        return KeyUser(outcome.principal), outcome.principal

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return headers.CHALLENGE


class _ScopePermission(BasePermission):
    """Permission for keys with all of `scopes`. REST framework makes one for each request."""

    scopes: tuple[str, ...] = ()
    message: str | None = None
    code: str | None = None

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether the request is from a key with the scopes."""
        principal = request.auth
        if not isinstance(principal, Principal):
            return False
        missing = guard().policy.missing_scope(principal, self.scopes)
        if missing is not None:
            self.message, self.code = missing_scope(missing), _INSUFFICIENT_SCOPE
        return missing is None


def HasScope(*scopes: str) -> type[BasePermission]:  # noqa: N802 - it's used as the classes that it returns
    """Return a permission class for keys with all of `scopes`: `permission_classes = [HasScope("orders:read")]`."""
    return type("HasScope", (_ScopePermission,), {"scopes": scopes})


def exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponse | Response | None:
    """Return the response to an exception in a view: a problem if it's about the API key.

    Other exceptions get the response of REST framework. Set it as `EXCEPTION_HANDLER` of `REST_FRAMEWORK`.
    """
    # REST framework imports this module while it imports its views, if the settings name it.
    from rest_framework.views import exception_handler as default_exception_handler
    from rest_framework.views import set_rollback

    denied = _denied(exc, context["request"])
    if denied is None:
        return default_exception_handler(exc, context)
    set_rollback()
    return problem_response(denied)


def _denied(exc: Exception, request: Request) -> Denied | None:
    """Return the problem response to an exception about the API key, or None."""
    if isinstance(exc, Denial):
        return exc.denied
    if not any(isinstance(authenticator, LatchkeyAuthentication) for authenticator in request.authenticators or ()):
        return None
    if isinstance(exc, NotAuthenticated):
        outcome = guard().policy.begin(incoming(request._request), ())
        return outcome if isinstance(outcome, Denied) else None
    if isinstance(exc, PermissionDenied) and exc.get_codes() == _INSUFFICIENT_SCOPE:
        error = ProblemError(str(exc.detail))
        error.slug = _INSUFFICIENT_SCOPE
        return guard().policy.deny(incoming(request._request), error)
    return None
