"""Which site Django's admin is."""

from django.contrib.admin.apps import AdminConfig


class OperatorAdminConfig(AdminConfig):
    """Django's admin, with our sign-in, our sessions and our pages."""

    default_site = "console.site.ConsoleSite"
