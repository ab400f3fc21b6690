"""Pages of people: invite one, look at one and change them, create and withdraw links, deactivate and remove."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from access.abilities import ABILITIES, abilities_of
from access.one_time_link import Link, link_url
from access.people import People, Rejected
from console.people.forms import ChangeForm, PersonForm
from console.people.views import PersonModelAdmin, PersonView, render


class PersonPage(PersonView):
    """Who a person is and what they may do, the possible actions, and the form that changes them."""

    template = "console/people/person.html"

    def heading(self) -> str:
        return self.person.get_username()

    def is_permitted(self) -> bool:
        return self._may_change() or (
            self.request.method in ("GET", "HEAD") and self.model_admin.has_view_permission(self.request)
        )

    def form(self, data: Any = None) -> forms.BaseForm:
        superusers = bool(cast(User, self.request.user).is_superuser)
        # A copy: validation writes what was typed into the instance.
        person = User.objects.get(pk=self.person.pk)
        return ChangeForm(data, instance=person, may_make_superusers=superusers, label_suffix=":")

    def apply(self, people: People, known: str, values: dict[str, Any]) -> HttpResponse:
        if people.change(self.person, known, values):
            return self.done("Saved. The one-time link no longer works: create one for a superuser.")
        return self.done("Saved.")

    def page(self, form: Any) -> HttpResponse:
        response: Any = super().page(form)
        groups = self.person.groups.order_by("name").prefetch_related("permissions__content_type")
        allowed = set().union(*(abilities_of(group) for group in groups))
        response.context_data |= {
            "groups": list(groups),
            "abilities": [text for name, text in ABILITIES.items() if name in allowed or self.person.is_superuser],
            "may_change": self._may_change(),
            "may_remove": self.model_admin.has_delete_permission(self.request, self.person),
            "now": timezone.now(),
        }
        return cast(HttpResponse, response)

    def _may_change(self) -> bool:
        return self.model_admin.has_change_permission(self.request, self.person)


class ToggleView(PersonView):
    """Deactivates an active person after confirmation, and activates a deactivated one."""

    template = "console/people/toggle.html"
    not_for_oneself = True

    def heading(self) -> str:
        return "Deactivate the account" if self.person.is_active else "Activate the account"

    def apply(self, people: People, known: str, values: dict[str, Any]) -> HttpResponse:
        active = not self.person.is_active
        people.set_active(self.person, known, active=active)
        return self.done("Activated." if active else "Deactivated. All sessions have ended.")


class LinkView(PersonView):
    """Creates a one-time link, and shows it in this response only."""

    title = "Create a one-time link"
    template = "console/people/create_link.html"
    not_for_oneself = True

    def apply(self, people: People, known: str, values: dict[str, Any]) -> HttpResponse:
        link = people.create_link(self.person, known)
        return link_page(self.request, self.model_admin, self.person, link)


class WithdrawView(PersonView):
    """Ends a one-time link after confirmation."""

    title = "Withdraw the one-time link"
    template = "console/people/withdraw.html"

    def apply(self, people: People, known: str, values: dict[str, Any]) -> HttpResponse:
        people.withdraw_link(self.person, known)
        return self.done("The link no longer works.")


class ResetAuthenticatorView(PersonView):
    """Removes, after confirmation, the authenticator app that a person has lost."""

    title = "Reset the authenticator app"
    template = "console/people/authenticator.html"
    not_for_oneself = True

    def apply(self, people: People, known: str, values: dict[str, Any]) -> HttpResponse:
        people.reset_authenticator(self.person, known)
        return self.done(f"The authenticator app of {self.person.get_username()} was removed.")


class RemoveView(PersonView):
    """Deletes an account after confirmation."""

    title = "Remove the person"
    template = "console/people/remove.html"
    not_for_oneself = True

    def is_permitted(self) -> bool:
        return self.model_admin.has_delete_permission(self.request, self.person)

    def apply(self, people: People, known: str, values: dict[str, Any]) -> HttpResponse:
        people.remove(self.person, known)
        messages.success(self.request, f"{self.person.get_username()} was removed.")
        return redirect("admin:auth_user_changelist")


def invite(request: HttpRequest, model_admin: PersonModelAdmin) -> HttpResponse:
    """Return the form; once it is submitted, add the person and return the page with their one-time link.

    Raise PermissionDenied without the add permission.
    """
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    superusers = bool(cast(User, request.user).is_superuser)
    form = PersonForm(request.POST or None, may_make_superusers=superusers)
    if request.method == "POST" and form.is_valid():
        try:
            person, link = People(request).invite(form.cleaned_data)
            return link_page(request, model_admin, person, link)
        except Rejected as error:
            form.add_error(None, str(error))
    hours = settings.PASSWORD_RESET_TIMEOUT // 3600
    context = {"title": "Invite a person", "form": form, "hours": hours}
    return render(request, model_admin, "console/people/invite.html", context)


def link_page(request: HttpRequest, model_admin: PersonModelAdmin, person: User, link: Link) -> HttpResponse:
    """Return the page with a new link. No other page shows it, and the response must not be stored."""
    context = {"title": "One-time link", "person": person, "link": link_url(link.code), "ends_at": link.ends_at}
    response = render(request, model_admin, "console/people/link.html", context)
    response["Cache-Control"] = "no-store"
    return response
