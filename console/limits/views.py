"""Base views of the pages that change the limits of one key or owner: overrides, and adjustments."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views import View

from apikeys.models import Override
from apikeys.policies.effective import EffectiveLimit
from console.limits.bars import LimitBar, bars_of
from console.limits.forms import AdjustForm, OverrideForm, show_limit_problem
from console.limits.overrides import override_lines
from console.operator import policy_service_for
from latchkey.problems import ProblemError
from ratelimit.limiter import default_limiter
from ratelimit.stores.base import BucketStoreError

_STORE_IS_DOWN = "The bucket store is down, so nothing was changed. Try again once it is back."


@dataclass(frozen=True, slots=True)
class Subject:
    """A key or an owner. `kind` is key_id or owner, and `ident` its ID or slug, as PolicyService takes them.

    `limits` are those that it has itself; the ones that a key shares with others belong to the owner. `context` is for
    the template.
    """

    kind: str
    ident: str
    url: str
    limits: tuple[EffectiveLimit, ...]
    context: dict[str, Any]


class SubjectView(View):
    """A page about the limits of one key or owner. A subclass says how it's found and what the page extends."""

    model_admin: Any = None
    layout: ClassVar[str]
    subject: Subject

    def find(self, ident: str) -> Subject:
        """Return the subject. Raise Http404 if there is none, and PermissionDenied if the user may not change it."""
        raise NotImplementedError

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.subject = self.find(kwargs.pop("ident"))
        return super().dispatch(request, *args, **kwargs)

    def limit(self, name: str) -> EffectiveLimit:
        """Return the subject's own limit of this name. Raise Http404 if it has none."""
        found = next((limit for limit in self.subject.limits if limit.limit.name == name), None)
        if found is None:
            raise Http404
        return found

    def done(self, text: str) -> HttpResponse:
        """Redirect to the subject's page with a message."""
        messages.success(self.request, text)
        return redirect(self.subject.url)

    def page(self, name: str, context: dict[str, Any]) -> HttpResponse:
        """Return a page in the layout of the subject's pages."""
        whole = {
            **self.model_admin.admin_site.each_context(self.request),
            "opts": self.model_admin.opts,
            "layout": self.layout,
            "back": self.subject.url,
            **self.subject.context,
            **context,
        }
        return TemplateResponse(self.request, f"console/limits/{name}.html", whole)


class OverrideView(SubjectView):
    """Page that grants an override of a limit."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Return the form, perhaps with a limit from the address."""
        name = request.GET.get("limit", "")
        return self._page(OverrideForm(limits=self.subject.limits, initial={"limit": name}))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Grant the override, or return the form with the reason why not."""
        form = OverrideForm(request.POST, limits=self.subject.limits)
        if form.is_valid():
            values = {self.subject.kind: self.subject.ident, **form.values()}
            try:
                policy_service_for(request).grant_override(values)
                return self.done(f"The override of {values['limit']} applies from the next request on.")
            except ProblemError as error:
                show_limit_problem(form, error)
        return self._page(form)

    def _page(self, form: forms.Form) -> HttpResponse:
        return self.page("override", {"title": "Override a limit", "form": form, "has_limits": self.subject.limits})


class EndOverrideView(SubjectView):
    """Page that ends an override early, after confirmation."""

    def get(self, request: HttpRequest, override_id: int) -> HttpResponse:
        """Return the confirmation."""
        (line,) = override_lines([self._override(override_id)])
        return self.page("end_override", {"title": "End the override", "line": line})

    def post(self, request: HttpRequest, override_id: int) -> HttpResponse:
        """End the override."""
        override = self._override(override_id)
        policy_service_for(request).end_override(override.pk)
        return self.done(f"The override of {override.limit} has ended. The plan's amount applies again.")

    def _override(self, override_id: int) -> Override:
        about = {"key": self.subject.ident} if self.subject.kind == "key_id" else {"owner__slug": self.subject.ident}
        found = Override.objects.filter(pk=override_id, **about).first()
        if found is None:
            raise Http404
        return found


class AdjustView(SubjectView):
    """Page that adjusts what is used of a limit: the form, a preview, and then the change."""

    def get(self, request: HttpRequest, limit: str) -> HttpResponse:
        """Return the form."""
        return self._page(AdjustForm(), self.limit(limit))

    def post(self, request: HttpRequest, limit: str) -> HttpResponse:
        """Return the preview of the adjustment; once it is confirmed, apply it."""
        form, found = AdjustForm(request.POST), self.limit(limit)
        if not form.is_valid() or "change" in request.POST:
            return self._page(form, found)
        bar = self._bar(found)
        if "confirmed" not in request.POST and bar.used is not None:
            return self._page(form, found, after=form.after(bar.used))
        try:
            done = policy_service_for(request).adjust(self.subject.ident, limit, form.values())
        except ProblemError as error:
            show_limit_problem(form, error)
        except BucketStoreError:
            form.add_error(None, _STORE_IS_DOWN)
        else:
            return self.done(f"What is used of {limit} was adjusted from {done.before:,} to {done.after:,}.")
        return self._page(form, found)

    def _bar(self, limit: EffectiveLimit) -> LimitBar:
        return bars_of([limit], default_limiter(), timezone.now()).bars[0]

    def _page(self, form: forms.Form, limit: EffectiveLimit, after: int | None = None) -> HttpResponse:
        if limit.limit.concurrency is not None:
            raise Http404
        return self.page("adjust", {"title": "Adjust the limit", "form": form, "bar": self._bar(limit), "after": after})
