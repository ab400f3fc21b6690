"""Base view and helpers of the pages about one person."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views import View

from access.authenticators import identifier
from access.one_time_link import link_end
from access.people import People, Rejected
from access.stale_form_guard import FIELD, StalePage, state_of
from console.people.state import TONES, person_state

if TYPE_CHECKING:
    PersonModelAdmin = ModelAdmin[User]
else:
    PersonModelAdmin = ModelAdmin


class PersonView(View):
    """A page that explains a change to one person, and applies it after confirmation.

    The change is applied only if the person hasn't changed since the page was loaded. Otherwise the page is shown again
    with status 409.
    """

    model_admin: PersonModelAdmin = None  # type: ignore[assignment]  # given by as_view
    title: ClassVar[str] = ""
    template: ClassVar[str]
    not_for_oneself: ClassVar[bool] = False
    person: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.person = get_object_or_404(User, pk=kwargs["user_id"])
        if not self.is_permitted():
            raise PermissionDenied
        if self.not_for_oneself and self.person.pk == request.user.pk:
            messages.error(request, "You can't do this to your own account. Ask another administrator.")
            return redirect(person_url(self.person))
        return super().dispatch(request, *args, **kwargs)

    def heading(self) -> str:
        """Return the title of the page."""
        return self.title

    def is_permitted(self) -> bool:
        """Return whether the signed-in user may open the page."""
        return self.model_admin.has_change_permission(self.request, self.person)

    def get(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Return the page with the form."""
        return self.page(self.form())

    def post(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Apply the change, or return the page with the reason why not."""
        form = self.form(request.POST)
        status = 200
        if form.is_valid():
            try:
                return self.apply(People(request), request.POST.get(FIELD, ""), form.cleaned_data)
            except StalePage as error:
                messages.error(request, str(error))
                status = 409
            except Rejected as error:
                form.add_error(None, str(error))
        # The form may have changed this object, and what is true now stands above the form.
        self.person = get_object_or_404(User, pk=user_id)
        response = self.page(form)
        response.status_code = status
        return response

    def form(self, data: Any = None) -> forms.BaseForm:
        """Return the form, with what was submitted if it was."""
        return forms.Form(data)

    def apply(self, people: People, known: str, values: dict[str, Any]) -> HttpResponse:
        """Apply the confirmed change and return the response. Every subclass implements it."""
        raise NotImplementedError

    def done(self, text: str) -> HttpResponse:
        """Redirect to the person's page with a message."""
        messages.success(self.request, text)
        return redirect(person_url(self.person))

    def page(self, form: forms.BaseForm) -> HttpResponse:
        """Return the page with `form`."""
        state = person_state(self.person)
        context = {
            "title": self.heading(),
            "form": form,
            "person": self.person,
            "known_state": state_of(self.person),
            "state": state,
            "tone": TONES.get(state, state),
            "link_end": link_end(self.person),
            "has_authenticator": bool(identifier(self.person)),
            "oneself": self.person.pk == self.request.user.pk,
        }
        return render(self.request, self.model_admin, self.template, context)


def render(request: HttpRequest, model_admin: PersonModelAdmin, template: str, context: dict[str, Any]) -> HttpResponse:
    """Return a page about people in the layout of the admin."""
    whole = {**model_admin.admin_site.each_context(request), "opts": User._meta, **context}
    return TemplateResponse(request, template, whole)


def person_url(person: User) -> str:
    """Return the URL of the person's page."""
    return reverse("admin:auth_user_change", args=[person.pk])
