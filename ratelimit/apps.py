"""The ratelimit app."""

from django.apps import AppConfig


class RateLimitConfig(AppConfig):
    """Registers the system checks."""

    name = "ratelimit"

    def ready(self) -> None:
        from ratelimit import checks  # noqa: F401 - registers the checks
