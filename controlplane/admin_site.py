"""Configuration of Django's admin site."""

from django.contrib.admin.apps import SimpleAdminConfig


class OperatorAdminConfig(SimpleAdminConfig):
    """Django's admin with Latchkey's sign-in, sessions and pages."""

    # A dotted name, so that the console is imported with the URLs only: most commands don't need it.
    default_site = "console.site.ConsoleSite"
