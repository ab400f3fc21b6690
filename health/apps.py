"""The health app."""

from django.apps import AppConfig


class HealthConfig(AppConfig):
    """Health, metrics and the steward."""

    name = "health"
    default_auto_field = "django.db.models.BigAutoField"
