"""The apikeys app."""

from django.apps import AppConfig


class APIKeysConfig(AppConfig):
    """Keys and their secrets."""

    name = "apikeys"
    verbose_name = "API keys"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apikeys import checks  # noqa: F401 - registers the checks
        from apikeys.read_only import watch_sessions

        watch_sessions()
