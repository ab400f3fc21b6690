"""Components page: each component of the admin's design once. It exists only while DEBUG is on."""

from datetime import datetime, timedelta

from django import forms
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apikeys.usage.points import Point
from console.charts import bar_chart, share_bar, sparkline
from console.limits.bars import LimitBar


class ExampleForm(forms.Form):
    """A field of each kind, one of them with an error."""

    text = forms.CharField(help_text="A sentence that helps.")
    number = forms.IntegerField(min_value=1)
    choice = forms.ChoiceField(choices=[("a", "One"), ("b", "Other")])
    several = forms.MultipleChoiceField(choices=[("a", "One"), ("b", "Other")], widget=forms.CheckboxSelectMultiple)
    box = forms.BooleanField(required=False)


@require_safe
def components_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Return the page with every component."""
    now = timezone.now()
    points = [Point(now - timedelta(hours=24 - number), 100 + 40 * (number % 5), number % 3) for number in range(24)]
    context = {
        **site.each_context(request),
        "title": "Components",
        "form": ExampleForm({"text": "written", "number": "0"}),
        "chart": bar_chart(points, title="Requests", time_format="%H:%M UTC"),
        "spark": sparkline(points, title="Requests"),
        "share": share_bar(0.62),
        "bars": [_limit(used, now) for used in (200_000, 870_000, 1_000_000)],
        "states": ("active", "disabled", "expired", "revoked", "notice", "warning", "critical"),
    }
    return TemplateResponse(request, "console/components.html", context)


def _limit(used: int, now: datetime) -> LimitBar:
    """Return an example of a limit, of which this is used."""
    text, until = "1,000,000 a month", now + timedelta(days=12)
    return LimitBar("monthly", text, 1_000_000, used, kind="quota", is_shared=True, resets_at=until, until=until)
