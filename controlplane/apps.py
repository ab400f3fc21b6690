"""The project as an app: its commands and templates."""

from django.apps import AppConfig


class ControlPlaneConfig(AppConfig):
    """What holds the other apps together."""

    name = "controlplane"
