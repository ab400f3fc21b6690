"""The project as an app: its commands and templates."""

from django.apps import AppConfig


class ControlPlaneConfig(AppConfig):
    """Registers what OpenAPI has to know of our authentication."""

    name = "controlplane"

    def ready(self) -> None:
        from controlplane import openapi  # noqa: F401 - registers the extension
