"""Paths that are measured, and paths that only measured servers have."""

from typing import Final

PROTECTED: Final = "/v1/whoami"
BARE: Final = "/v1/bare"
BARE_ASGI: Final = "/bare"
"""Served by an ASGI function that does nothing else."""

WORKER: Final = "/worker"
"""Returns the process ID of the worker."""

PROFILE: Final = "/profile"
"""Returns the samples of a profiled worker."""

CHECK: Final = "/v1/check?scope=orders:read"
METRICS: Final = "/metrics"
KEYS: Final = "/v1/keys"
EVENTS: Final = "/v1/events"
