"""App configuration of the project, which has commands and templates of its own."""

from django.apps import AppConfig


class ControlPlaneConfig(AppConfig):
    """The app that connects the others."""

    name = "controlplane"
