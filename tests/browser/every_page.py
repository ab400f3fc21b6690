"""The pages of the admin, found by following its links: one of each kind."""

import re
from typing import Final

from playwright.sync_api import Page

_IDS: Final = re.compile(r"(?<=/)(?:lk_[0-9a-z]{12}|wh_[0-9a-z]{12}|[0-9]+)(?=/)")
_FILES: Final = (".csv", ".jsonl")
_LINKS: Final = "links => links.map(link => link.getAttribute('href'))"


def every_page(page: Page) -> dict[str, str]:
    """Return the paths of all pages that links lead to from the overview, by name. Of each kind, the first counts."""
    found, waiting = dict[str, str](), ["/admin/"]
    while waiting:
        path = waiting.pop(0)
        name = _IDS.sub("one", path).strip("/").replace("/", "-")
        if name in found:
            continue
        found[name] = path
        page.goto(path)
        waiting += [target for link in page.locator("a[href]").evaluate_all(_LINKS) if (target := _path(link, path))]
    return found


def _path(link: str, here: str) -> str | None:
    """Return the path of a link to a page of the admin without its query, or None."""
    path = link.partition("?")[0].partition("#")[0]
    while path.startswith("../"):
        path, here = path.removeprefix("../"), re.sub(r"[^/]*/$", "", here)
    if not path.startswith("/"):
        path = here + path if path else ""
    return path if path.startswith("/admin/") and path.endswith("/") and not path.endswith(_FILES) else None
