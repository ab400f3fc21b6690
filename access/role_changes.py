"""Writer of custom roles. Each change locks the role and appends an event, in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest

from access.abilities import ABILITIES, name_of, permissions_for
from access.account_changes import append_change_event, changes, values_of
from access.people import Rejected, unique_name
from access.roles import Role
from access.stale_form_guard import StalePage, state_of
from events.lock_timeout import set_lock_timeout


def is_built_in(group: Group) -> bool:
    """Return whether this is one of Latchkey's own roles, which no page changes."""
    return group.name in set(Role)


class CustomRoles:
    """Writer of custom roles, on behalf of the signed-in user of `request`.

    A change applies only to the state `known`, which is what `state_of` returned for the page that asks for the change.
    Otherwise it raises StalePage. It raises Rejected if a rule forbids it.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def add(self, name: str, abilities: set[str]) -> Group:
        """Add a role with these names in ABILITIES."""
        with unique_name(), transaction.atomic():
            set_lock_timeout()
            group = Group.objects.create(name=name)
            group.permissions.set(permissions_for(abilities))
            append_change_event(self._request, group, "added", changes(None, values_of(group)))
        return group

    def change(self, group: Group, known: str, name: str, abilities: set[str]) -> None:
        """Set the role's name and abilities. Permissions that are no ability stay as they are."""
        with unique_name(), _changing(group, known) as current:
            before = values_of(current)
            others = [one for one in current.permissions.all() if name_of(one) not in ABILITIES]
            current.name = name
            current.save()
            current.permissions.set([*permissions_for(abilities), *others])
            if changed := changes(before, values_of(current)):
                append_change_event(self._request, current, "changed", changed)

    def remove(self, group: Group, known: str) -> None:
        """Delete a role that no person has."""
        with _changing(group, known) as current:
            if people := current.user_set.count():
                has = "1 person has" if people == 1 else f"{people} people have"
                raise Rejected(f"{has} this role. Give them another one first.")
            append_change_event(self._request, current, "deleted")
            current.delete()


@contextmanager
def _changing(group: Group, known: str) -> Iterator[Group]:
    """Lock the role, and yield it as it is now."""
    with transaction.atomic():
        set_lock_timeout()
        current = Group.objects.select_for_update().filter(pk=group.pk).first()
        if current is None or state_of(current) != known:
            raise StalePage(current or group)
        if is_built_in(current):
            raise Rejected("This role is one of Latchkey's own, so it can't be changed. Add a role instead.")
        yield current
