"""Downloads that are streamed page by page, so that memory doesn't grow with their size.

`controlplane.asgi` sends them from a thread of their own, through a short queue.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO
from typing import Final, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from httpserver.streaming_response import is_disconnected

Row = TypeVar("Row", bound=Model)

# A spreadsheet runs a cell that begins like this as a formula (OWASP, CSV injection); where it takes another separator
# for that of cells, also one behind it.
_FORMULA: Final = re.compile(r"(^|[;\t\r\n])([=+\-@])")


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


def harmless(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula."""
    return _FORMULA.sub(r"\1'\2", text)


def pages(rows: QuerySet[Row], size: int) -> Iterator[list[Row]]:
    """Yield `rows` from the highest primary key down, `size` at a time."""
    # Each page is a query of its own: a cursor that stays open would hold a transaction for minutes.
    rest = rows.order_by("-pk")
    page = list(rest[:size])
    while page:
        yield page
        page = list(rest.filter(pk__lt=page[-1].pk)[:size])


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return rows of cells as CSV, every cell in quotes."""
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()
