"""Base view and helpers of the pages that change one key."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views import View

from apikeys.config_service import ConfigService
from apikeys.errors import NotFound
from apikeys.lookup import find_key
from apikeys.models import APIKey, UsageStep
from apikeys.usage.points import sum_points
from apikeys.usage.series import usage_of
from console.form_errors import show_problem
from console.keys.callers import recent_callers
from console.operator import config_service_for
from console.optimistic_locking import known_states, stale_page_message
from console.single_use_form import AlreadySubmitted
from latchkey.preconditions import PreconditionFailed
from latchkey.problems import ProblemError

if TYPE_CHECKING:
    KeyModelAdmin = ModelAdmin[APIKey]
else:
    KeyModelAdmin = ModelAdmin


class KeyActionView(View):
    """A page that explains a change to one key, and applies it after confirmation.

    The change is applied only if the key hasn't changed since the page was rendered. Otherwise the page is shown again
    with status 409: the fields in `preserved_fields` keep their values, and confirmations are unchecked.
    """

    model_admin: KeyModelAdmin = None  # type: ignore[assignment]  # given by as_view
    title: ClassVar[str]
    template: ClassVar[str]
    form_class: ClassVar[type[forms.Form]] = forms.Form
    preserved_fields: ClassVar[tuple[str, ...]] = ()
    key: APIKey

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.key = key_or_404(kwargs["key_id"])
        if not self.model_admin.has_change_permission(request):
            raise PermissionDenied
        if self.key.revoked_at is not None:
            messages.error(request, "This key is revoked and can't be changed.")
            return redirect(key_url(self.key))
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, key_id: str) -> HttpResponse:
        """Return the page with the form."""
        return self.page(self.form_class(initial=self.initial()))

    def post(self, request: HttpRequest, key_id: str) -> HttpResponse:
        """Apply the change, or return the page with the reason why not."""
        form = self.form_class(request.POST)
        known = known_states(request)
        if self.key.epoch not in known:
            return self.show_stale(form)
        if form.is_valid():
            try:
                return self.apply(config_service_for(request, known), form.cleaned_data)
            except AlreadySubmitted:
                return already_submitted_page(request, self.model_admin, key_url(self.key))
            except PreconditionFailed:
                # Race condition: the key was changed after `dispatch` read it.
                self.key = APIKey.objects.prefetch_related("secrets").get(pk=self.key.pk)
                return self.show_stale(form)
            except ProblemError as error:
                show_problem(form, error)
        return self.page(form)

    def initial(self) -> dict[str, Any]:
        """Return the initial values of the form."""
        return {}

    def context(self) -> dict[str, Any]:
        """Return what the template needs in addition to the key and the form."""
        return {}

    def apply(self, service: ConfigService, values: dict[str, Any]) -> HttpResponse:
        """Apply the confirmed change and return the response. Every subclass with a form implements it."""
        raise NotImplementedError

    def done(self, text: str, undo: str = "") -> HttpResponse:
        """Redirect to the key's page, with a message about what was done, and a link to the page that undoes it."""
        link = format_html(' <a href="{}">Undo</a>', undo) if undo else ""
        messages.success(self.request, format_html("{}{}", text, link))
        return redirect(key_url(self.key))

    def page_url(self, name: str, query: Mapping[str, Any] | None = None) -> str:
        """Return the URL of another page about this key."""
        return reverse(f"admin:apikeys_apikey_{name}", args=[self.key.key_id], query=query)

    def show_stale(self, submitted: forms.Form) -> HttpResponse:
        """Return the page for the key's current state with status 409, and a message about who changed the key."""
        messages.error(self.request, stale_page_message(self.key))
        chosen = {name: submitted[name].value() for name in self.preserved_fields}
        response = self.page(self.form_class(initial={**self.initial(), **chosen}))
        response.status_code = 409
        return response

    def page(self, form: forms.Form) -> HttpResponse:
        """Return the page with `form`."""
        now = timezone.now()
        context = {"title": self.title, "key": self.key, "form": form, "now": now, **self.context()}
        # A template that shows no facts calls neither.
        context["requests"] = lambda: _requests_of_day(self.key, now)
        context["recent_callers"] = lambda: recent_callers(self.key, now)
        return render(self.request, self.model_admin, self.template, context)


def _requests_of_day(key: APIKey, now: datetime) -> int:
    used = sum_points(usage_of(key, UsageStep.HOUR, 24, now))
    return used.allowed + used.throttled


def render(request: HttpRequest, model_admin: KeyModelAdmin, template: str, context: dict[str, Any]) -> HttpResponse:
    """Return a page about keys in the layout of the admin."""
    whole = {**model_admin.admin_site.each_context(request), "opts": APIKey._meta, **context}
    return TemplateResponse(request, template, whole)


def key_url(key: APIKey) -> str:
    """Return the URL of the key's page."""
    return reverse("admin:apikeys_apikey_change", args=[key.key_id])


def key_or_404(key_id: str) -> APIKey:
    """Return the key with its secrets. Raise Http404 if the key ID is unknown or malformed."""
    try:
        return find_key(key_id)
    except NotFound:
        raise Http404 from None


def already_submitted_page(request: HttpRequest, model_admin: KeyModelAdmin, back: str) -> HttpResponse:
    """Return the response to a form that was sent before: a page with status 409."""
    response = render(
        request, model_admin, "console/keys/already_submitted.html", {"title": "Already submitted", "back": back}
    )
    response.status_code = 409
    return response
