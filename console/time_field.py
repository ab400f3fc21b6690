"""Form field for a time in the format of the REST API: RFC 3339 with an offset."""

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from latchkey.timestamps import EXAMPLE, parse_rfc3339, rfc3339

HELP: Final = f"Include the UTC offset, for example {EXAMPLE} (Z means UTC)."
_SUGGESTED_DAYS: Final = (30, 90, 365)


class TimeInput(forms.TextInput):
    """A text box that suggests the times 30, 90 and 365 days ahead, and a picker that fills it, which needs scripts.

    The picker offers UTC and the browser's own time zone, and Never if the field may be empty.
    """

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        attrs = attrs or {}
        box_id = attrs.get("id", f"id_{name}")
        box = super().render(name, value, {**attrs, "list": f"{box_id}_offer", "size": 24}, renderer)
        now = timezone.now()
        times = ((rfc3339(now + timedelta(days=days)), f"in {days} days") for days in _SUGGESTED_DAYS)
        options = format_html_join("", '<option value="{}">{}</option>', times)
        never = "" if self.is_required else mark_safe('<button type="button">Never</button>')
        picker = format_html(
            '<span class="picker" data-picker="{}" hidden><input type="datetime-local" step="1" '
            'aria-label="Date and time"><select aria-label="Time zone"><option value="UTC">UTC</option></select>{}'
            "</span>",
            box_id,
            never,
        )
        return format_html('{}<datalist id="{}_offer">{}</datalist>{}', box, box_id, options, picker)


class TimeField(forms.CharField):
    """A field for a time. It shows UTC in whole seconds, and accepts any offset."""

    widget = TimeInput

    def prepare_value(self, value: Any) -> Any:
        return rfc3339(value) if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            return parse_rfc3339(text)
        except ValueError as error:
            raise ValidationError(str(error), code="not-a-time") from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether the entered time differs from the one that is shown, or can't be parsed."""
        # Compared as text in whole seconds: a stored time has microseconds, which the box doesn't show. Otherwise
        # every submitted form would change the time.
        try:
            return bool(self.prepare_value(initial) != self.prepare_value(self.to_python(data)))
        except ValidationError:
            return True
