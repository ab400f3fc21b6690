"""Type of the admin of events, for the pages that it shows."""

from typing import TYPE_CHECKING

from django.contrib.admin import ModelAdmin

from events.models import Event

if TYPE_CHECKING:
    EventModelAdmin = ModelAdmin[Event]
else:
    EventModelAdmin = ModelAdmin
