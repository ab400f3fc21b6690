"""App configuration of the console."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The app with the web admin's pages."""

    name = "console"
