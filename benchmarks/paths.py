"""The paths that are measured, and those that only servers under measurement have."""

from typing import Final

PROTECTED: Final = "/v1/whoami"
BARE: Final = "/v1/bare"
WORKER: Final = "/worker"
"""Tells which worker answers."""

METRICS: Final = "/metrics"
KEYS: Final = "/v1/keys"
EVENTS: Final = "/v1/events"
