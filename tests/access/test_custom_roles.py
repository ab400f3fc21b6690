"""Roles: what each allows in words, custom ones, and Latchkey's own, which stay as they are."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection

from access.abilities import ABILITIES, name_of, permissions_for
from access.account_changes import append_change_event
from events.models import Event
from tests.access.people import Person, browser, known_state

pytestmark = pytest.mark.django_db
ROLES = "/admin/auth/group/"
READERS = {"name": "readers", "abilities": ["events.view_event"]}


@pytest.fixture
def root(ada: Person) -> Person:
    ada.sign_in()
    return ada


@pytest.fixture
def readers(root: Person) -> Group:
    assert root.browser.post(f"{ROLES}add/", READERS).status_code == 302
    return Group.objects.get(name="readers")


def permissions_of(group: Group) -> set[str]:
    return {name_of(one) for one in group.permissions.all()}


def test_every_permission_of_a_role_has_words(db: None) -> None:
    assert len(permissions_for(set(ABILITIES))) == len(ABILITIES)
    assert set().union(*(permissions_of(group) for group in Group.objects.all())) == set(ABILITIES)


def test_table_shows_roles_in_words(root: Person, readers: Group) -> None:
    page = root.browser.get(ROLES)
    assert [group.name for group in page.context["groups"]] == ["viewer", "operator", "administrator", "readers"]
    rows = dict(page.context["rows"])
    assert rows["Issue keys"] == [False, True, True, False]
    assert rows["See and export events"] == [True, True, True, True]
    assert "Can add" not in page.content.decode()


def test_new_role_appends_event(readers: Group) -> None:
    assert permissions_of(readers) == {"events.view_event"}
    assert Event.objects.latest("id").data == {
        "subject": "group:readers",
        "did": "added",
        "fields": ["name", "permissions"],
        "to": {"name": "readers", "permissions": ["events.view_event"]},
    }


def test_changed_role_appends_event_and_keeps_other_permissions(root: Person, readers: Group) -> None:
    readers.permissions.add(Permission.objects.get(codename="delete_apikey"))
    page = f"{ROLES}{readers.pk}/change/"
    form = {"name": "readers", "abilities": ["health.view_waiver"], "known_state": known_state(root, page)}
    assert root.browser.post(page, form).status_code == 302
    assert permissions_of(readers) == {"apikeys.delete_apikey", "health.view_waiver"}
    assert Event.objects.latest("id").data["to"] == {"permissions": ["apikeys.delete_apikey", "health.view_waiver"]}


@pytest.mark.parametrize("form", [{**READERS, "abilities": ["apikeys.delete_apikey"]}, {"name": "readers"}, {}])
def test_only_abilities_can_be_given(root: Person, form: dict[str, Any]) -> None:
    assert root.browser.post(f"{ROLES}add/", form).status_code == 200
    assert not Group.objects.filter(name="readers").exists()


def test_stale_role_form_is_rejected(root: Person, readers: Group) -> None:
    page = f"{ROLES}{readers.pk}/change/"
    first = known_state(root, page)
    assert root.browser.post(page, {**READERS, "name": "watchers", "known_state": first}).status_code == 302
    for state in (first, ""):
        answer = root.browser.post(page, {**READERS, "abilities": ["auth.add_user"], "known_state": state})
        assert answer.status_code == 409
        assert "watchers was changed by user:ada at " in answer.content.decode()
        assert root.browser.post(f"{ROLES}{readers.pk}/delete/", {"known_state": state}).status_code == 409
    assert permissions_of(Group.objects.get(name="watchers")) == {"events.view_event"}


def test_deleted_role_appends_event(root: Person, readers: Group, person: Any) -> None:
    page = f"{ROLES}{readers.pk}/delete/"
    bob = person("bob", "readers")
    form = {"known_state": known_state(root, page)}
    assert "1 person has this role." in root.browser.post(page, form).content.decode()
    assert Group.objects.filter(name="readers").exists()
    bob.user.groups.clear()
    assert root.browser.post(page, form).status_code == 302
    assert not Group.objects.filter(name="readers").exists()
    assert Event.objects.latest("id").data == {"subject": "group:readers", "did": "deleted"}


@pytest.mark.parametrize("name", ["viewer", "operator", "administrator"])
def test_own_roles_cannot_be_changed(root: Person, name: str) -> None:
    group = Group.objects.get(name=name)
    page = f"{ROLES}{group.pk}/change/"
    assert ">Save<" not in root.browser.get(page).content.decode()
    before = permissions_of(group)
    assert root.browser.post(page, READERS).status_code == 403
    assert root.browser.post(f"{ROLES}{group.pk}/delete/").status_code == 403
    assert permissions_of(Group.objects.get(name=name)) == before


def test_change_and_event_are_one_transaction(root: Person, readers: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    page = f"{ROLES}{readers.pk}/"
    state = known_state(root, f"{page}change/")
    monkeypatch.setattr("access.account_changes.event_log.append", break_down)
    root.browser.raise_request_exception = False
    for path, form in (
        (f"{page}change/", {**READERS, "name": "x", "known_state": state}),
        (f"{page}delete/", {"known_state": state}),
        (f"{ROLES}add/", {**READERS, "name": "y"}),
    ):
        assert root.browser.post(path, form).status_code == 500
    assert set(Group.objects.values_list("name", flat=True)) == {"viewer", "operator", "administrator", "readers"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_role_is_not_deleted_while_someone_gets_it(
    root: Person, readers: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither transaction waits for the other while it holds what the other needs."""
    page = f"{ROLES}{readers.pk}/delete/"
    form = {"known_state": known_state(root, page)}
    statuses = list[int]()

    def delete() -> None:
        statuses.append(root.browser.post(page, form).status_code)
        connection.close()

    deletion = threading.Thread(target=delete)

    def append_and_let_the_deletion_wait(*args: Any, **kwargs: Any) -> None:
        append_change_event(*args, **kwargs)
        deletion.start()
        with connection.cursor() as cursor:
            waiting = 0
            while not waiting:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                (waiting,) = cursor.fetchone()

    monkeypatch.setattr("access.people.append_change_event", append_and_let_the_deletion_wait)
    other = browser()
    other.cookies = root.browser.cookies
    assert other.post("/admin/auth/user/add/", {"username": "eve", "groups": [readers.pk]}).status_code == 200
    deletion.join()
    assert statuses == [200]
    assert readers.user_set.get().username == "eve"
