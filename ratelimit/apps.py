"""Django app configuration of `ratelimit`."""

from django.apps import AppConfig


class RateLimitConfig(AppConfig):
    """App configuration that registers the system checks."""

    name = "ratelimit"

    def ready(self) -> None:
        # Django imports this module before its app registry is ready, so the checks register here.
        from ratelimit import checks  # noqa: F401 - registers the checks
