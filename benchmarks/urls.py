"""URL configuration: the product's paths, and additional paths for benchmarks."""

from django.urls import include, path

from api.urls import urlpatterns as key_patterns
from benchmarks import paths
from benchmarks.bare_view import BareWhoAmI, worker
from controlplane.urls import handler400, handler403, handler404, handler500
from controlplane.urls import urlpatterns as product_patterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

_parent, _, _name = paths.BARE.removeprefix("/").partition("/")

urlpatterns = [
    # In the same include as the protected view, so that URL resolution takes equally long for both.
    path(f"{_parent}/", include([path(_name, BareWhoAmI.as_view()), *key_patterns])),
    *product_patterns,
    path(paths.WORKER.removeprefix("/"), worker),
]
