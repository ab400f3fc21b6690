"""Writer of the people who use the admin. Each change locks the person and appends an event, in one transaction."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from access import authenticators
from access.account_changes import append_change_event, changes, values_of
from access.one_time_link import Link, begin_link, link_end
from access.stale_form_guard import StalePage, state_of
from events.lock_timeout import set_lock_timeout
from latchkey.timestamps import rfc3339

FIELDS: Final = ("username", "first_name", "last_name", "email", "is_superuser")
"""Fields of a person that `People.change` takes as they are."""


class Rejected(Exception):
    """Error: a rule forbids the change. Its text is for the person at the page."""


@contextmanager
def unique_name() -> Iterator[None]:
    """Turn the database's rejection of a name that another transaction has just stored into Rejected."""
    try:
        yield
    except IntegrityError:
        text = "This name is taken, or a role was deleted in the meantime. Reload the page, then try again."
        raise Rejected(text) from None


class People:
    """Writer of people, on behalf of the signed-in user of `request`.

    Only superusers change superusers, no one can lock themselves out, and one superuser who can sign in remains. Each
    change applies only to the state `known`, which is what `state_of` returned for the page that asks for the change.
    Otherwise it raises StalePage. It raises Rejected if a rule forbids it, and PermissionDenied for a superuser.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def invite(self, values: Mapping[str, Any]) -> tuple[User, Link]:
        """Add a person with a `username`, `groups` and perhaps `is_superuser`. Return them and their link."""
        user = User(username=values["username"], is_superuser=values.get("is_superuser", False), is_staff=True)
        self._require_rights_over(user)
        user.set_unusable_password()
        with unique_name(), transaction.atomic():
            set_lock_timeout()
            _require_role(user, values["groups"])
            user.save(force_insert=True)
            user.groups.set(values["groups"])
            link = self._begin_link(user, "invited", changes(None, _given(user)))
        return user, link

    def change(self, user: User, known: str, values: Mapping[str, Any]) -> bool:
        """Set those of FIELDS and the `groups` that `values` has. Return whether this ended a link.

        The link of a person who becomes a superuser ends.
        """
        with unique_name(), self._changing(user, known) as current:
            before, ended = values_of(current), False
            for name in FIELDS:
                setattr(current, name, values.get(name, before[name]))
            # Otherwise an administrator could become a superuser.
            self._require_rights_over(current)
            groups = values.get("groups", current.groups.all())
            _require_role(current, groups)
            current.save(update_fields=FIELDS)
            current.groups.set(groups)
            if changed := changes(before, values_of(current)):
                append_change_event(self._request, current, "changed", changed)
            if current.is_superuser and not before["is_superuser"] and link_end(current) is not None:
                # An administrator who isn't a superuser may have created the link, and could use it to become one.
                self._end_link(current)
                ended = True
        return ended

    def set_active(self, user: User, known: str, *, active: bool) -> None:
        """Activate a person, or deactivate them: all their sessions end, and so does an unused link."""
        self._refuse_oneself(user, "deactivate")
        with self._changing(user, known) as current:
            before = values_of(current)
            current.is_active = active
            if not active and not current.has_usable_password():
                current.set_unusable_password()
            current.save(update_fields=["is_active", "password"])
            if changed := changes(before, values_of(current)):
                append_change_event(self._request, current, "changed", changed)

    def create_link(self, user: User, known: str) -> Link:
        """End the person's password and any earlier link, and return a new link."""
        self._refuse_oneself(user, "end the password of")
        with self._changing(user, known) as current:
            if not current.is_active:
                raise Rejected(f"{current} is deactivated. Activate the account first.")
            return self._begin_link(current, "one-time link created", {})

    def withdraw_link(self, user: User, known: str) -> None:
        """End the person's link. They have no password then, so they can't sign in."""
        with self._changing(user, known) as current:
            if link_end(current) is None:
                raise Rejected(f"{current} has no link that could be withdrawn.")
            self._end_link(current)

    def reset_authenticator(self, user: User, known: str) -> None:
        """Remove the authenticator app and the recovery codes that the person has lost."""
        # On the page for one's own app, an open session is not enough: it asks for the password and a code.
        self._refuse_oneself(user, "reset the authenticator app of")
        with self._changing(user, known) as current:
            if not authenticators.identifier(current):
                raise Rejected(f"{current} has no authenticator app.")
            authenticators.remove(self._request, current)

    def remove(self, user: User, known: str) -> None:
        """Delete the account. The events keep the name."""
        self._refuse_oneself(user, "remove")
        with self._changing(user, known) as current:
            append_change_event(self._request, current, "deleted")
            current.delete()

    def _begin_link(self, user: User, did: str, details: Mapping[str, object]) -> Link:
        link = begin_link(user)
        user.save(update_fields=["password"])
        append_change_event(self._request, user, did, {**details, "link_ends_at": rfc3339(link.ends_at)})
        return link

    def _end_link(self, user: User) -> None:
        user.set_unusable_password()
        user.save(update_fields=["password"])
        append_change_event(self._request, user, "one-time link withdrawn")

    @contextmanager
    def _changing(self, user: User, known: str) -> Iterator[User]:
        """Lock the person, and yield them as they are now."""
        with transaction.atomic():
            set_lock_timeout()
            current = User.objects.select_for_update().filter(pk=user.pk).first()
            if current is None:
                raise StalePage(user)
            self._require_rights_over(current)
            if state_of(current) != known:
                raise StalePage(current)
            was_superuser = current.is_superuser
            yield current
            # The event of the change is appended, so the event log is locked. Two superusers can't deactivate each
            # other at the same time: the second sees here what the first has done.
            if was_superuser and not _superuser_remains():
                raise Rejected("This is the last superuser who can sign in. Make another person a superuser first.")

    def _require_rights_over(self, user: User) -> None:
        if user.is_superuser and not self._request.user.is_superuser:
            raise PermissionDenied

    def _refuse_oneself(self, user: User, what: str) -> None:
        if user.pk == self._request.user.pk:
            raise Rejected(f"You can't {what} your own account. Ask another administrator.")


def _given(user: User) -> dict[str, object]:
    """Return the values that an invitation has set."""
    values = values_of(user)
    return {name: values[name] for name in ("username", "groups", *(["is_superuser"] * user.is_superuser))}


def _require_role(user: User, groups: Any) -> None:
    # Locked before the event log, which is the order of a change of a role: PostgreSQL needs a lock of the role at the
    # end of this transaction, and both would wait for each other.
    found = Group.objects.select_for_update().filter(pk__in=[group.pk for group in groups]).order_by("pk")
    if not list(found) and not user.is_superuser:
        raise Rejected("Select a role. Without one, a person could sign in and see nothing.")


def _superuser_remains() -> bool:
    others = User.objects.filter(is_superuser=True, is_active=True, is_staff=True)
    return any(one.has_usable_password() for one in others)
