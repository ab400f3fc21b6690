"""The product's paths and the benchmark's own."""

from django.urls import include, path

from api.urls import urlpatterns as key_patterns
from benchmarks import paths
from benchmarks.bare_view import BareWhoAmI, worker
from controlplane.urls import handler400, handler403, handler404, handler500
from controlplane.urls import urlpatterns as product_patterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

_parent, _, _name = paths.BARE.removeprefix("/").partition("/")

urlpatterns = [
    # Beside the protected view in one include, so that finding the one costs what finding the other costs.
    path(f"{_parent}/", include([path(_name, BareWhoAmI.as_view()), *key_patterns])),
    *product_patterns,
    path(paths.WORKER.removeprefix("/"), worker),
]
