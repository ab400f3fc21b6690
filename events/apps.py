"""App configuration of the event log."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The append-only, hash-chained event log."""

    name = "events"
    default_auto_field = "django.db.models.BigAutoField"
