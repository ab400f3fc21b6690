"""The service of `apps` in Django: views of REST framework, plain views, and asynchronous ones."""

from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from latchkey.integrations.django import require_key
from latchkey.integrations.django_project import async_guard
from latchkey.integrations.drf import HasScope, LatchkeyAuthentication
from latchkey.integrations.principal import Principal


def seen(principal: Principal) -> dict[str, object]:
    from tests.latchkey.integrations.apps import seen

    return seen(principal)


class Orders(APIView):
    authentication_classes = [LatchkeyAuthentication]
    permission_classes = [HasScope("orders:read")]

    def get(self, request: Request) -> Response:
        assert request.user.is_authenticated
        assert request.user.principal is request.auth  # type: ignore[attr-defined]
        return Response(seen(request.auth))


class Exports(Orders):
    permission_classes = [IsAuthenticated]
    latchkey_cost = 5


class Gone(Exports):
    latchkey_cost = 1

    def get(self, request: Request) -> Response:
        raise NotFound


class Health(APIView):
    authentication_classes: list[type] = []
    permission_classes: list[type] = []

    def get(self, request: Request) -> Response:
        return Response("ok")


@require_key("orders:read")
def orders(request: HttpRequest) -> JsonResponse:
    return JsonResponse(seen(request.latchkey))  # type: ignore[attr-defined]


@require_key(cost=5)
def exports(request: HttpRequest) -> JsonResponse:
    return JsonResponse(seen(request.latchkey))  # type: ignore[attr-defined]


def gone(request: HttpRequest) -> JsonResponse:
    raise Http404


def health(request: HttpRequest) -> JsonResponse:
    return JsonResponse("ok", safe=False)


@require_key("orders:read")
async def async_orders(request: HttpRequest) -> JsonResponse:
    return orders.__wrapped__(request)  # type: ignore[attr-defined, no-any-return]


@require_key(cost=5)
async def async_exports(request: HttpRequest) -> JsonResponse:
    return exports.__wrapped__(request)  # type: ignore[attr-defined, no-any-return]


async def async_gone(request: HttpRequest) -> JsonResponse:
    raise Http404


async def close(request: HttpRequest) -> JsonResponse:
    """Closes the connections of this event loop: Django has no hook for its end."""
    await async_guard().aclose()
    return health(request)


drf_urlpatterns = [
    path("orders", Orders.as_view()),
    path("exports", Exports.as_view()),
    path("gone", Gone.as_view()),
    path("health", Health.as_view()),
]
sync_urlpatterns = [path("orders", orders), path("exports", exports), path("gone", gone), path("health", health)]
async_urlpatterns = [
    path("orders", async_orders),
    path("exports", async_exports),
    path("gone", async_gone),
    path("health", health),
    path("close", close),
]
