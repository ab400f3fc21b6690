"""Which site Django's admin is."""

from django.contrib.admin.apps import SimpleAdminConfig


class OperatorAdminConfig(SimpleAdminConfig):
    """Django's admin, with our sign-in, our sessions and our pages. Those are loaded with the paths: most commands need
    neither.
    """

    default_site = "console.site.ConsoleSite"
