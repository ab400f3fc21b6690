"""Django app configuration of `apikeys`."""

from django.apps import AppConfig


class APIKeysConfig(AppConfig):
    """App configuration that registers the system checks and watches database connections."""

    name = "apikeys"
    verbose_name = "API keys"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Django imports this module before its app registry is ready, so these modules are imported here.
        from apikeys import checks  # noqa: F401 - registers the checks
        from apikeys.read_only import watch_connections

        watch_connections()
