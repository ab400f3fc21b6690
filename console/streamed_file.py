"""Downloads that are streamed page by page, so that memory doesn't grow with their size.

`controlplane.asgi` sends them from a thread of their own, through a short queue.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from httpserver.streaming_response import is_disconnected

Row = TypeVar("Row", bound=Model)


def streamed_file(
    request: HttpRequest, parts: Iterator[str], *, name: str, media_type: str, now: datetime
) -> StreamingHttpResponse:
    """Return `parts` as the file NAME-DATE, in the order in which they come. `name` has the extension.

    They end early if the client has disconnected.
    """
    stem, _, extension = name.rpartition(".")
    headers = {
        "Content-Disposition": f'attachment; filename="{stem}-{now:%Y-%m-%d}.{extension}"',
        "Cache-Control": "no-store",
    }
    wanted = _while_connected(request, parts)
    return StreamingHttpResponse(wanted, content_type=f"{media_type}; charset=utf-8", headers=headers)


def _while_connected(request: HttpRequest, parts: Iterator[str]) -> Iterator[str]:
    for part in parts:
        if is_disconnected(request.META.get("asgi.scope", {})):
            return
        yield part


def pages(rows: QuerySet[Row], size: int) -> Iterator[list[Row]]:
    """Yield `rows` from the highest primary key down, `size` at a time."""
    # Each page is a query of its own: a cursor that stays open would hold a transaction for minutes.
    rest = rows.order_by("-pk")
    page = list(rest[:size])
    while page:
        yield page
        page = list(rest.filter(pk__lt=page[-1].pk)[:size])
