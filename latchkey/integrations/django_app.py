"""Django app without models: its system check reports a missing or invalid setting before the first request.

Name this module in `INSTALLED_APPS`.
"""

from typing import Any, Final

from django.core.checks import Error, register
from django.core.exceptions import ImproperlyConfigured

from latchkey.integrations.django_project import configuration

SETTINGS_INVALID: Final = "latchkey.E001"


@register("latchkey")
def check_settings(app_configs: object, **_: Any) -> list[Error]:
    """Return an error if a setting of the integration is missing or invalid."""
    try:
        configuration()
    except ImproperlyConfigured as error:
        hint = "Set it in Django's settings, or in the environment of every process that serves requests."
        return [Error(str(error), hint=hint, id=SETTINGS_INVALID)]
    return []
