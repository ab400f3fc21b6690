"""GET /openapi.json: the OpenAPI document, which a process builds once a month.

It says the same to everybody, and building it takes a hundred times as long as sending it: without that anyone could
keep the threads busy that serve REST.
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

from apikeys.request_context import raw_query
from controlplane import openapi  # noqa: F401 - registers what the document has to say of credentials
from latchkey.query import parse_query

_MEDIA_TYPE: Final = "application/vnd.oai.openapi+json"
_building: Final = Lock()


@lru_cache(maxsize=1)
def _built(_month: str) -> tuple[bytes, str]:
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    document: bytes = OpenApiJsonRenderer().render(schema)
    return document, f'"{blake2b(document, digest_size=12).hexdigest()}"'


def document() -> tuple[bytes, str]:
    """Return the document as JSON, and its entity tag. Of several threads that ask first, one builds it."""
    with _building:
        return _built(f"{timezone.now():%Y-%m}")  # an example in it names a date ahead


@require_safe
@condition(etag_func=lambda _: document()[1])
def openapi_page(request: HttpRequest) -> HttpResponse:
    """Answer with the document, or with 304 to a client that has it. Raises InvalidParameters."""
    parse_query(raw_query(request.META), ())
    answer = HttpResponse(document()[0], content_type=_MEDIA_TYPE)
    answer["Content-Disposition"] = 'inline; filename="Latchkey.json"'
    answer["Cache-Control"] = "no-cache"  # asked for again, and then 304
    return answer
