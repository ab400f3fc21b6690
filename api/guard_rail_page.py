"""/guard-rails/NAME: the page of docs/guard-rails/ that a violation links to, as HTML."""

import re
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt

from health.guard_rails import BY_NAME

PAGES: Final = settings.BASE_DIR / "docs" / "guard-rails"
_LINK: Final = re.compile(r"\[([^\]]+)\]\((\.\./)?([\w/-]+)\.md(?:#[\w-]+)?\)")


@require_safe
def guard_rail_page(request: HttpRequest, name: str) -> HttpResponse:
    """Return the page about a guard rail: what it means, why it matters, how to fix it and how to waive it."""
    if name not in BY_NAME:
        raise Http404
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(_LINK.sub(_served_link, text))
    # A scrollable block must be focusable, so that keyboard users can scroll it.
    body = body.replace("<pre>", '<pre tabindex="0">')
    return render(request, "guard_rail.html", {"name": name, "body": mark_safe(body)})  # noqa: S308 - our own page


def _served_link(link: re.Match[str]) -> str:
    """Return a link to another guard rail as the server has it; name any other page, because the server lacks it."""
    label, is_elsewhere, page = link.groups()
    return f"{label} (`docs/{page}.md`)" if is_elsewhere else f"[{label}]({page})"
