import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User

from events.models import Event
from tests.access.people import PASSWORD, Person

pytestmark = pytest.mark.django_db
USERS = "/admin/auth/user/"
NEW = {"username": "eve", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def root(ada: Person) -> Person:
    ada.sign_in()
    return ada


@pytest.fixture
def chief(person: Any) -> Person:
    """An administrator who is no superuser."""
    chief: Person = person("chief", "administrator")
    chief.sign_in()
    return chief


def role(name: str) -> int:
    return Group.objects.get(name=name).pk


def form_of(one: Person, user: User, **changes: object) -> dict[str, object]:
    """The form on the user's page as `one` is shown it, with changes."""
    state = known_state(one, f"{USERS}{user.pk}/change/")
    return {
        "username": user.username,
        "is_active": "on",
        "groups": [g.pk for g in user.groups.all()],
        "known_state": state,
        **changes,
    }


def known_state(one: Person, page: str) -> str:
    found = re.search(r'name="known_state" value="([0-9a-f]{64})"', one.browser.get(page).content.decode())
    assert found
    return found[1]


def last() -> tuple[str, dict[str, Any]]:
    event = Event.objects.latest("id")
    assert event.type == "OperatorChanged"
    return event.actor, event.data


def test_new_user_is_staff_and_has_a_role(root: Person) -> None:
    assert root.browser.post(f"{USERS}add/", NEW).status_code == 200
    assert not User.objects.filter(username="eve").exists()
    assert root.browser.post(f"{USERS}add/", {**NEW, "groups": [role("viewer")]}).status_code == 302
    eve = User.objects.get(username="eve")
    assert (eve.is_staff, eve.is_superuser, eve.groups.get().name) == (True, False, "viewer")
    assert last() == (
        "user:ada",
        {
            "subject": "user:eve",
            "did": "added",
            "fields": ["groups", "password", "username"],
            "to": {"groups": ["viewer"], "username": "eve"},
        },
    )


def test_granted_role_appends_event(root: Person, person: Any) -> None:
    bob = person("bob", "viewer").user
    form = form_of(root, bob, groups=[role("operator")], email="bob@example.test")
    assert root.browser.post(f"{USERS}{bob.pk}/change/", form).status_code == 302
    assert last()[1] == {
        "subject": "user:bob",
        "did": "changed",
        "fields": ["email", "groups"],
        "from": {"groups": ["viewer"]},
        "to": {"groups": ["operator"]},
    }
    assert "bob@" not in Event.objects.latest("id").data_json


def test_unchanged_form_appends_no_event(root: Person, person: Any) -> None:
    bob = person("bob", "viewer").user
    before = Event.objects.count()
    dates = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    root.browser.post(f"{USERS}{bob.pk}/change/", form_of(root, bob, **dates))
    assert Event.objects.count() == before


def test_password_event_does_not_contain_password(root: Person, person: Any) -> None:
    bob = person("bob").user
    form = {"password1": "another long pass phrase", "password2": "another long pass phrase", "usable_password": "true"}
    assert root.browser.post(f"{USERS}{bob.pk}/password/", {**form, "set-password": "1"}).status_code == 302
    assert last() == (
        "user:ada",
        {"subject": "user:bob", "did": "changed", "fields": ["password"], "to": {}, "from": {}},
    )
    bob.refresh_from_db()
    assert bob.check_password("another long pass phrase")


def test_own_password_change(root: Person) -> None:
    form = {"old_password": PASSWORD, "new_password1": "yet another phrase", "new_password2": "yet another phrase"}
    assert root.browser.post("/admin/password_change/", form).status_code == 302
    assert last() == ("user:ada", {"subject": "user:ada", "did": "changed", "fields": ["password"]})
    assert root.may_enter()


def test_no_page_shows_password_hash(root: Person) -> None:
    for page in ("", f"{root.user.pk}/change/", f"{root.user.pk}/password/"):
        text = root.browser.get(USERS + page).content.decode()
        assert root.user.password[-12:] not in text
        assert "salt" not in text


@pytest.mark.parametrize("by_action", [False, True])
def test_deletion_appends_event(root: Person, person: Any, by_action: bool) -> None:
    bob = person("bob").user
    if by_action:
        chosen = {"action": "delete_selected", "_selected_action": [bob.pk], "post": "yes"}
        root.browser.post(USERS, chosen)
    else:
        root.browser.post(f"{USERS}{bob.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(username="bob").exists()
    assert last() == ("user:ada", {"subject": "user:bob", "did": "deleted"})


def test_group_permissions_append_event(root: Person) -> None:
    form = {"name": "readers", "permissions": [Permission.objects.get(codename="view_event").pk]}
    assert root.browser.post("/admin/auth/group/add/", form).status_code == 302
    assert last()[1]["to"] == {"name": "readers", "permissions": ["events.view_event"]}


def test_change_and_event_are_one_transaction(root: Person, person: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = person("bob").user

    def break_down(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("access.account_changes.event_log.append", break_down)
    root.browser.raise_request_exception = False
    for page, form in (
        (f"{bob.pk}/change/", form_of(root, bob, username="rob")),
        (f"{bob.pk}/delete/", {"post": "yes"}),
        (f"{bob.pk}/password/", {"password1": "x" * 20, "password2": "x" * 20, "usable_password": "true"}),
        ("add/", NEW),
        ("", {"action": "delete_selected", "_selected_action": [bob.pk], "post": "yes"}),
    ):
        root.browser.post(USERS + page, form)
    assert sorted(User.objects.values_list("username", flat=True)) == ["ada", "bob"]
    assert User.objects.get(username="bob").check_password(PASSWORD)


def test_administrator_cannot_become_superuser(chief: Person) -> None:
    form = form_of(chief, chief.user, is_superuser="on", user_permissions=[Permission.objects.latest("pk").pk])
    chief.browser.post(f"{USERS}{chief.user.pk}/change/", form)
    chief.user.refresh_from_db()
    assert not chief.user.is_superuser
    assert not chief.user.user_permissions.exists()


@pytest.mark.parametrize("page", ["change", "delete", "password", "authenticator"])
def test_administrator_cannot_change_superuser(chief: Person, ada: Person, page: str) -> None:
    answer = chief.browser.post(f"{USERS}{ada.user.pk}/{page}/", {"post": "yes"})
    assert answer.status_code == 403
    assert User.objects.filter(username="ada").exists()


def test_administrator_cannot_delete_superuser_by_action(chief: Person, ada: Person) -> None:
    chief.browser.post(USERS, {"action": "delete_selected", "_selected_action": [ada.user.pk], "post": "yes"})
    assert User.objects.filter(username="ada").exists()


def test_stale_user_form_is_rejected(root: Person, chief: Person, person: Any) -> None:
    bob = person("bob", "viewer").user
    page = f"{USERS}{bob.pk}/change/"
    stale = form_of(chief, bob, email="bob@example.test")
    form = form_of(root, bob, groups=[])
    del form["is_active"]
    assert root.browser.post(page, form).status_code == 302
    before = Event.objects.count()
    answer = chief.browser.post(page, stale)
    text = answer.content.decode()
    assert "bob was changed by user:ada at " in text
    assert "bob@example.test" in text, "what was typed is still there"
    bob.refresh_from_db()
    assert (bob.is_active, bob.groups.count(), bob.email, Event.objects.count()) == (False, 0, "", before)
    fresh = {**stale, "groups": [], "known_state": known_state(chief, page)}
    assert chief.browser.post(page, fresh).status_code == 302


def test_stale_group_form_is_rejected(root: Person) -> None:
    page = f"/admin/auth/group/{role('viewer')}/change/"
    first = known_state(root, page)
    permission = Permission.objects.get(codename="view_event").pk
    form = {"name": "viewer", "permissions": [permission], "known_state": first}
    assert root.browser.post(page, form).status_code == 302
    for state in (first, ""):
        answer = root.browser.post(page, {"name": "viewer", "permissions": [], "known_state": state})
        assert "viewer was changed by user:ada at " in answer.content.decode()
    assert Group.objects.get(name="viewer").permissions.count() == 1


def test_deactivated_user_is_signed_out(root: Person, person: Any) -> None:
    bob = person("bob", "viewer")
    bob.sign_in()
    assert bob.may_enter()
    form = form_of(root, bob.user)
    del form["is_active"]
    root.browser.post(f"{USERS}{bob.user.pk}/change/", form)
    assert not bob.may_enter()


def test_removed_role_applies_to_next_request(root: Person, person: Any) -> None:
    bob = person("bob", "viewer")
    bob.sign_in()
    assert bob.browser.get("/admin/events/event/").status_code == 200
    root.browser.post(f"{USERS}{bob.user.pk}/change/", form_of(root, bob.user, groups=[]))
    assert bob.browser.get("/admin/events/event/").status_code == 403


def test_new_password_ends_other_sessions(person: Any) -> None:
    bob = person("bob")
    elsewhere = Person(bob.user, bob.clock)
    for one in (bob, elsewhere):
        one.sign_in()
    new = "yet another phrase"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    bob.browser.post("/admin/password_change/", form)
    assert (bob.may_enter(), elsewhere.may_enter()) == (True, False)
