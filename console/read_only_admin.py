"""Base class of the admin of tables that no page changes."""

from typing import Any

from django.http import HttpRequest

from access.model_admin import OperatorModelAdmin


class ReadOnlyAdmin(OperatorModelAdmin):
    """Base class for read-only admin pages: rows can't be added, changed or deleted."""

    # Counting all rows is slow with a long event log, so a filtered list shows only the number of its own rows.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
