"""Pages of webhooks: add one, look at it and change it, rotate its secret, test it, delete it."""

from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views import View

from console.form_errors import show_problem
from console.keys.changes import EnableForm
from console.operator import config_service_for
from console.optimistic_locking import known_states, stale_webhook_message
from console.single_use_form import AlreadySubmitted, mark_as_sent
from console.webhooks.delivery_lines import delivery_lines
from console.webhooks.forms import AddWebhookForm, RotateSecretForm, WebhookForm, form_of
from events.change import change
from events.models import WebhookEndpoint
from events.webhooks.attempt_pages import attempt_page
from events.webhooks.errors import DeliveryNotFound, WebhookNotFound
from events.webhooks.lookup import find_webhook
from events.webhooks.next_delivery import MAX_PENDING, count_pending
from events.webhooks.secret import IssuedWebhook
from events.webhooks.service import WebhookService
from latchkey.preconditions import PreconditionFailed
from latchkey.problems import ProblemError

ALREADY_SUBMITTED: Final = (
    "This form was already submitted, or it has expired. Nothing was changed. A secret is shown only once: to get "
    "another one, rotate the webhook's."
)

LATEST: Final = 20
"""How many deliveries the webhook's own page shows."""

if TYPE_CHECKING:
    WebhookModelAdmin = ModelAdmin[WebhookEndpoint]
else:
    WebhookModelAdmin = ModelAdmin


class WebhookView(View):
    """A page about one webhook, with a form that applies to no other state than the one that the page shows.

    A page that is about a stale state is shown again with status 409, and nothing is changed. A view without a
    template is a button on the webhook's page, and leads back there.
    """

    model_admin: WebhookModelAdmin = None  # type: ignore[assignment]  # given by as_view
    title: ClassVar[str] = ""
    template: ClassVar[str] = ""
    form_class: ClassVar[type[forms.Form]] = forms.Form
    permission: ClassVar[str] = "events.change_webhookendpoint"
    view_permission: ClassVar[str] = "events.change_webhookendpoint"
    webhook: WebhookEndpoint

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(self.view_permission if request.method in ("GET", "HEAD") else self.permission):
            raise PermissionDenied
        try:
            self.find(**kwargs)
        except (WebhookNotFound, DeliveryNotFound):
            raise Http404 from None
        return super().dispatch(request, *args, **kwargs)

    def find(self, endpoint_id: str, **_more: Any) -> None:
        """Find what the page is about. Raise WebhookNotFound."""
        self.webhook = find_webhook(endpoint_id)

    def get(self, request: HttpRequest, **_ids: Any) -> HttpResponse:
        """Return the page with the form."""
        return self.page(self.form())

    def post(self, request: HttpRequest, endpoint_id: str, **_more: Any) -> HttpResponse:
        """Apply the form, or return the page with the reason why not."""
        form = self.form_class(request.POST)
        try:
            if form.is_valid():
                return self.apply(config_service_for(request, known_states(request)).webhooks, form)
        except AlreadySubmitted:
            messages.error(request, ALREADY_SUBMITTED)
            return redirect(webhook_url(self.webhook))
        except PreconditionFailed:
            self.webhook = find_webhook(endpoint_id)
            messages.error(request, stale_webhook_message(self.webhook))
            if not self.template:
                return redirect(webhook_url(self.webhook))
            # What was typed is kept; what is true now stands above it.
            response = self.page(form)
            response.status_code = 409
            return response
        except ProblemError as error:
            show_problem(form, error)
        if self.template:
            return self.page(form)
        for text in form.non_field_errors():
            messages.error(request, str(text))
        return redirect(webhook_url(self.webhook))

    def form(self) -> forms.Form:
        """Return the form as it is shown first."""
        return self.form_class()

    def apply(self, service: WebhookService, form: Any) -> HttpResponse:
        """Apply the valid form and return the response. Every subclass implements it."""
        raise NotImplementedError

    def done(self, text: str) -> HttpResponse:
        """Redirect to the webhook's page with a message."""
        messages.success(self.request, text)
        return redirect(webhook_url(self.webhook))

    def page(self, form: forms.Form) -> HttpResponse:
        """Return the page with `form`."""
        title = self.title or self.webhook.label or self.webhook.endpoint_id
        context = {"title": title, "form": form, "webhook": self.webhook, **self.context()}
        return _render(self.request, self.model_admin, self.template, context)

    def context(self) -> dict[str, Any]:
        """Return what the template needs in addition to the webhook and the form."""
        return {}


class WebhookPage(WebhookView):
    """What one webhook is, how its deliveries are going, and the form that changes it."""

    template = "console/webhooks/webhook.html"
    form_class = WebhookForm
    view_permission = "events.view_webhookendpoint"

    def form(self) -> forms.Form:
        return form_of(self.webhook)

    def apply(self, service: WebhookService, form: Any) -> HttpResponse:
        service.update(self.webhook.endpoint_id, form.values())
        return self.done("Saved.")

    def context(self) -> dict[str, Any]:
        now = timezone.now()
        page = attempt_page(self.webhook, limit=LATEST)
        return {
            "pending": count_pending(self.webhook),
            "most_pending": MAX_PENDING,
            "now": now,
            "lines": delivery_lines(page.attempts, now, self.request.user),
            "has_older": page.next is not None,
        }


class RotateSecretView(WebhookView):
    """Creates a new signing secret, and shows it in this response only."""

    title = "Rotate the signing secret"
    template = "console/webhooks/rotate.html"
    form_class = RotateSecretForm

    def apply(self, service: WebhookService, form: Any) -> HttpResponse:
        # One transaction: the form counts as sent if and only if the secret was rotated.
        with change():
            mark_as_sent(form.cleaned_data["once"], timezone.now())
            values = {"grace_seconds": form.cleaned_data["grace_seconds"]}
            issued = service.rotate_secret(self.webhook.endpoint_id, values)
        return _secret_page(self.request, self.model_admin, issued, "New signing secret")


class TestView(WebhookView):
    """Requests a test delivery."""

    http_method_names = ["post"]

    def apply(self, service: WebhookService, form: Any) -> HttpResponse:
        service.request_test(self.webhook.endpoint_id)
        return self.done("A test is on its way. Reload this page to see its result.")


class ToggleView(WebhookView):
    """Enables a disabled webhook, and disables an enabled one."""

    http_method_names = ["post"]
    form_class = EnableForm

    def apply(self, service: WebhookService, form: Any) -> HttpResponse:
        enabled: bool = form.cleaned_data["enabled"]
        service.update(self.webhook.endpoint_id, {"enabled": enabled})
        return self.done("Webhook enabled. Deliveries continue where they stopped." if enabled else "Webhook disabled.")


class DeleteView(WebhookView):
    """Deletes the webhook after confirmation."""

    title = "Delete the webhook"
    template = "console/webhooks/delete.html"
    permission = view_permission = "events.delete_webhookendpoint"

    def apply(self, service: WebhookService, form: Any) -> HttpResponse:
        service.remove(self.webhook.endpoint_id)
        messages.success(self.request, "Webhook deleted. Events that were not delivered yet are not sent any more.")
        return redirect("admin:events_webhookendpoint_changelist")


def add_webhook(request: HttpRequest, model_admin: WebhookModelAdmin) -> HttpResponse:
    """Return the form; once it is submitted, add the webhook and return the page with its signing secret.

    Raise PermissionDenied without the add permission.
    """
    if not request.user.has_perm("events.add_webhookendpoint"):
        raise PermissionDenied
    form = AddWebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with change():
                mark_as_sent(form.cleaned_data["once"], timezone.now())
                issued = config_service_for(request).webhooks.add(form.values())
            return _secret_page(request, model_admin, issued, "Webhook added")
        except AlreadySubmitted:
            messages.error(request, ALREADY_SUBMITTED)
            return redirect("admin:events_webhookendpoint_changelist")
        except ProblemError as error:
            show_problem(form, error)
    return _render(request, model_admin, "console/webhooks/add.html", {"title": "Add a webhook", "form": form})


def webhook_url(webhook: WebhookEndpoint) -> str:
    """Return the URL of the webhook's page."""
    return reverse("admin:events_webhookendpoint_change", args=[webhook.endpoint_id])


def _secret_page(
    request: HttpRequest, model_admin: WebhookModelAdmin, issued: IssuedWebhook, title: str
) -> HttpResponse:
    context = {"title": title, "webhook": issued.endpoint, "secret": issued.secret}
    response = _render(request, model_admin, "console/webhooks/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _render(
    request: HttpRequest, model_admin: WebhookModelAdmin, template: str, context: dict[str, Any]
) -> HttpResponse:
    whole = {**model_admin.admin_site.each_context(request), "opts": WebhookEndpoint._meta, **context}
    return TemplateResponse(request, template, whole)
