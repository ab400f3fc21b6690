"""The access app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Who may use the admin, and how they prove it."""

    name = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from access import sign_in_failures  # noqa: F401 - observes sign-ins that fail
        from access.name_rules import add_rules

        add_rules()
