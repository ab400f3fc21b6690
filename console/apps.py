"""The console app."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The web admin's pages."""

    name = "console"
