"""A service of REST framework: a view that is bare, and one that its integration protects."""

import os
from secrets import token_hex

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY=token_hex(32),
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # writes Content-Length
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
)
application = get_wsgi_application()

# REST framework reads the settings as it's imported.
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from latchkey.integrations.drf import HasScope, LatchkeyAuthentication  # noqa: E402


class Bare(APIView):
    """Responds to every request."""

    def get(self, request: Request) -> Response:
        return Response({"orders": []})


class Protected(Bare):
    """Responds to requests with a key."""

    authentication_classes = [LatchkeyAuthentication]
    permission_classes = [HasScope("orders:read")]


def worker(request: HttpRequest) -> HttpResponse:
    """Return the worker's process id."""
    return HttpResponse(str(os.getpid()), content_type="text/plain")


urlpatterns = [
    path("bare", Bare.as_view()),
    path("protected", Protected.as_view()),
    path("worker", worker),
]
