"""Related rows that were read or written together with their row, so that no query reads them again."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model


def keep_related(owner: Model, name: str, rows: Sequence[Model]) -> None:
    """Set the result of `all()` of the relation `name` of `owner` to `rows`."""
    # This fills Django's prefetch cache.
    found: Any = getattr(owner, name).all()
    found._result_cache = list(rows)
    found._prefetch_done = True
    cache: dict[str, object] = owner.__dict__.setdefault("_prefetched_objects_cache", {})
    cache[name] = found


def is_kept(owner: Model, name: str) -> bool:
    """Return whether `all()` of the relation `name` of `owner` takes no query."""
    return name in owner.__dict__.get("_prefetched_objects_cache", ())
