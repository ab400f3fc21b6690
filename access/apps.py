"""Django app configuration of `access`."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """App configuration that connects the observers of failed sign-ins and adds rules for names."""

    name = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Both need Django's models, which are not loaded yet when this module is imported.
        from access import sign_in_failures  # noqa: F401 - observes sign-ins that fail
        from access.name_rules import add_rules

        add_rules()
