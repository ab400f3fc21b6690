"""Django app `health`."""

from importlib import import_module

from django.apps import AppConfig


class HealthConfig(AppConfig):
    """Guard rails, health, metrics and the steward."""

    name = "health"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Start to observe the event log, in every process that may append to it."""
        # Importing the module registers its observer.
        import_module("health.change_evaluation")
