"""Base class of all admin pages of models. Every model is registered with a subclass of it."""

from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse

MAX_ROWS_PER_ACTION: Final = 500
"""The maximum number of rows that one action changes. Each is a transaction with its event, within one request."""
_FILTER_LOOKUPS: Final = ("", "__exact", "__isnull", "__id__exact")


class OperatorModelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Model admin whose rows have stable addresses, and whose lists can only be filtered by their own filters."""

    address_field: ClassVar[str | None] = None
    """The unique field that identifies a row in the URLs of its pages. None means the primary key: events, waivers
    and incidents have no other stable name.
    """

    list_title: ClassVar[str] = ""
    """The title of the list, if it isn't the plural of the model's name."""

    add_label: ClassVar[str] = ""
    """What the button that adds a row says, if it isn't "Add" with the model's name."""

    # A count for each value of each filter would read the whole table.
    show_facets = admin.ShowFacets.NEVER

    def lookup_allowed(self, lookup: str, value: object, request: HttpRequest | None = None) -> bool:
        """Return whether the list's own filters use this lookup."""
        # Django allows every column of the model, also those that no page shows. Whether a row is found would
        # reveal a webhook's salt or a password's hash, one character at a time.
        names = [_name(entry) for entry in (self.get_list_filter(request) if request else self.list_filter)]
        return lookup in {name + suffix for name in names for suffix in _FILTER_LOOKUPS}

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return super().get_object(request, object_id, from_field or self.address_field)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AddressedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        title = self.title_of_list
        add_url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_add")
        add_label = self.add_label or f"Add {self.opts.verbose_name}"
        context = {"title": title, "add_url": add_url, "add_label": add_label}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @property
    def title_of_list(self) -> str:
        """The title of the list."""
        return self.list_title or str(self.opts.verbose_name_plural).capitalize()

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *more: Any) -> HttpResponse | None:
        """Reject an action on too many rows, or on rows that no list offers."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        all_matching = forms.BooleanField(required=False).to_python(request.POST.get("select_across"))
        # The slice ends the count early: a list can have a million rows.
        count = queryset[: MAX_ROWS_PER_ACTION + 1].count() if all_matching else len(chosen)
        if count > MAX_ROWS_PER_ACTION:
            text = (
                f"You can change at most {MAX_ROWS_PER_ACTION} rows at a time. Nothing was changed. Select fewer rows."
            )
        elif not all(is_row_number(pk) for pk in chosen):
            text = "Select rows of this list. Nothing was changed."
        else:
            return super().response_action(request, queryset, *more)
        self.message_user(request, text, messages.WARNING)
        # This address keeps the search, the filters and the page.
        return redirect(request.get_full_path())

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Redirect to the event log, which has the history of all objects. Django's own log isn't written."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        found: Model | None = self.get_object(request, object_id)
        if found is None:
            raise Http404
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return redirect(reverse("admin:events_event_changelist", query=self.history_query(found)))

    def history_query(self, row: Any) -> dict[str, str]:
        """Return the query that finds the events about `row` in the event log; empty if there is none."""
        return {}


class AddressedChangeList(ChangeList):
    """List whose links contain `address_field`."""

    def url_for_result(self, result: Any) -> str:
        field: str | None = getattr(self.model_admin, "address_field", None)
        if field is None:
            return super().url_for_result(result)
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[getattr(result, field)])


def is_row_number(text: str) -> bool:
    """Return whether `text` can be a primary key."""
    # isdigit alone accepts other Unicode digits, and a number of 19 digits may exceed the database's 64 bits.
    return text.isascii() and text.isdigit() and len(text) < 19


def _name(entry: Any) -> str:
    """Return the field or the parameter of one entry of `list_filter`."""
    if isinstance(entry, str):
        return entry
    return str(getattr(entry, "parameter_name", "")) or str(entry[0])
