"""Changing one's own password, told as an event."""

from typing import Any

from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse_lazy

from access.account_changes import tell_change


class OwnPasswordView(PasswordChangeView):
    """Django's view, whose change and event are kept together. All other sessions of the user end."""

    form_class = AdminPasswordChangeForm
    success_url = reverse_lazy("admin:password_change_done")
    template_name = "registration/password_change_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            tell_change(self.request, form.user, "changed", fields=["password"])
            return super().form_valid(form)
