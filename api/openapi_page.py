"""GET /openapi.json: the OpenAPI document, which each process builds once a month.

Building it takes a hundred times as long as sending it, and it is the same for every client. Without the cache,
any client could keep busy the threads that serve REST.
"""

from functools import lru_cache
from hashlib import blake2b
from threading import Lock
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import condition, require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

from api import openapi  # noqa: F401 - registers the extension of drf-spectacular
from apikeys.request_context import raw_query
from latchkey.query import parse_query

_MEDIA_TYPE: Final = "application/vnd.oai.openapi+json"
_building: Final = Lock()


@lru_cache(maxsize=1)
def _built(_month: str) -> tuple[bytes, str]:
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    document: bytes = OpenApiJsonRenderer().render(schema)
    return document, f'"{blake2b(document, digest_size=12).hexdigest()}"'


def document() -> tuple[bytes, str]:
    """Return the document as JSON, and its entity tag. If several threads ask first, one builds it."""
    with _building:
        # The cache key is the month, because an example contains a future date.
        return _built(f"{timezone.now():%Y-%m}")


@require_safe
@condition(etag_func=lambda _: document()[1])
def openapi_page(request: HttpRequest) -> HttpResponse:
    """Return the document, or 304 if the client has it. Raise InvalidParameters if the request has query parameters."""
    parse_query(raw_query(request.META), ())
    response = HttpResponse(document()[0], content_type=_MEDIA_TYPE)
    response["Content-Disposition"] = 'inline; filename="Latchkey.json"'
    # Clients must revalidate, which usually gets a 304.
    response["Cache-Control"] = "no-cache"
    return response
