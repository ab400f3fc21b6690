"""Changes of people by an administrator: what they do, which event they append, and who may make them."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import RequestFactory

from access.people import People, Rejected
from access.second_factor import has_authenticator
from access.stale_form_guard import state_of
from apikeys.request_context import set_request_context
from events.models import Event
from tests.access.people import PASSWORD, Person, code_on, known_state

pytestmark = pytest.mark.django_db
USERS = "/admin/auth/user/"
NEW = {"username": "eve"}


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
        "groups": [g.pk for g in user.groups.all()],
        "known_state": state,
        **changes,
    }


def last() -> tuple[str, dict[str, Any]]:
    event = Event.objects.latest("id")
    assert event.type == "OperatorChanged"
    return event.actor, event.data


def request_of(user: User) -> Any:
    """A request of somebody who is signed in."""
    request = RequestFactory().post(USERS)
    request.user = user
    set_request_context(request.META, request_id="r", address="127.0.0.1", trace_id=None)
    return request


def test_new_user_is_staff_and_has_a_role(root: Person) -> None:
    assert root.browser.post(f"{USERS}add/", NEW).status_code == 200
    assert not User.objects.filter(username="eve").exists()
    assert code_on(root.browser.post(f"{USERS}add/", {**NEW, "groups": [role("viewer")]}))
    eve = User.objects.get(username="eve")
    assert (eve.is_staff, eve.is_superuser, eve.groups.get().name) == (True, False, "viewer")
    assert not eve.has_usable_password()
    actor, data = last()
    assert data.pop("link_ends_at")
    assert (actor, data) == (
        "user:ada",
        {
            "subject": "user:eve",
            "did": "invited",
            "fields": ["groups", "username"],
            "to": {"groups": ["viewer"], "username": "eve"},
        },
    )


@pytest.mark.parametrize("name", ["eve", "EVE"])
def test_name_is_unique(root: Person, person: Any, name: str) -> None:
    person("eve")
    page = root.browser.post(f"{USERS}add/", {"username": name, "groups": [role("viewer")]})
    assert "A person with this name already exists." in page.content.decode()


def test_superuser_needs_no_role(root: Person) -> None:
    assert code_on(root.browser.post(f"{USERS}add/", {**NEW, "is_superuser": "on"}))
    assert User.objects.get(username="eve").is_superuser
    assert last()[1]["to"] == {"groups": [], "is_superuser": True, "username": "eve"}


def test_name_is_taken_in_upper_and_lower_case(root: Person, person: Any) -> None:
    person("\u00c9va", "viewer")
    for name in ("\u00e9va", "ADA"):
        page = root.browser.post(f"{USERS}add/", {"username": name, "groups": [role("viewer")]})
        assert "A person with this name already exists." in page.content.decode()
    assert User.objects.count() == 2


@pytest.mark.parametrize("number", ["9" * 30, "viewer", "-1"])
def test_made_up_role_is_rejected(root: Person, number: str) -> None:
    page = root.browser.post(f"{USERS}add/", {"username": "eve", "groups": [number]})
    assert "Select roles of this list." in page.content.decode()
    assert not User.objects.filter(username="eve").exists()


def test_person_keeps_a_role(root: Person, person: Any) -> None:
    bob = person("bob", "viewer").user
    page = root.browser.post(f"{USERS}{bob.pk}/change/", form_of(root, bob, groups=[]))
    assert "Select a role." in page.content.decode()
    assert bob.groups.count() == 1


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
    more = {"is_active": "", "date_joined": "2026-01-01", "password": "x"}
    assert root.browser.post(f"{USERS}{bob.pk}/change/", form_of(root, bob, **more)).status_code == 302
    assert Event.objects.count() == before


def test_own_password_change(root: Person) -> None:
    form = {"old_password": PASSWORD, "new_password1": "yet another phrase", "new_password2": "yet another phrase"}
    assert root.browser.post("/admin/password_change/", form).status_code == 302
    assert last() == ("user:ada", {"subject": "user:ada", "did": "changed", "fields": ["password"]})
    assert root.may_enter()


def test_no_page_shows_password_hash(root: Person) -> None:
    for page in ("", f"{root.user.pk}/change/"):
        text = root.browser.get(USERS + page).content.decode()
        assert root.user.password[-12:] not in text
        assert "salt" not in text


def test_deletion_appends_event(root: Person, person: Any) -> None:
    bob = person("bob").user
    page = f"{USERS}{bob.pk}/delete/"
    assert root.browser.post(page, {"known_state": known_state(root, page)}).status_code == 302
    assert not User.objects.filter(username="bob").exists()
    assert last() == ("user:ada", {"subject": "user:bob", "did": "deleted"})


def test_deactivation_appends_event(root: Person, person: Any) -> None:
    bob = person("bob", "viewer").user
    for active in (False, True):
        page = f"{USERS}{bob.pk}/toggle/"
        root.browser.post(page, {"known_state": known_state(root, page)})
        expected = {"from": {"is_active": not active}, "to": {"is_active": active}, "fields": ["is_active"]}
        assert last()[1] == {"subject": "user:bob", "did": "changed", **expected}
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_change_and_event_are_one_transaction(root: Person, person: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user = person("bob", "viewer")
    user.set_up()
    bob = user.user

    def break_down(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("access.account_changes.event_log.append", break_down)
    root.browser.raise_request_exception = False
    state = {"known_state": known_state(root, f"{USERS}{bob.pk}/change/")}
    for page, form in (
        (f"{bob.pk}/change/", form_of(root, bob, username="rob")),
        *((f"{bob.pk}/{action}/", state) for action in ("toggle", "link", "delete", "authenticator")),
        ("add/", {**NEW, "groups": [role("viewer")]}),
    ):
        assert root.browser.post(USERS + page, form).status_code == 500, page
    assert sorted(User.objects.values_list("username", flat=True)) == ["ada", "bob"]
    bob.refresh_from_db()
    assert (bob.is_active, bob.check_password(PASSWORD), has_authenticator(bob)) == (True, True, True)


def test_administrator_cannot_become_superuser(chief: Person) -> None:
    form = form_of(chief, chief.user, is_superuser="on", user_permissions=[Permission.objects.latest("pk").pk])
    chief.browser.post(f"{USERS}{chief.user.pk}/change/", form)
    chief.user.refresh_from_db()
    assert not chief.user.is_superuser
    assert not chief.user.user_permissions.exists()
    chief.browser.post(f"{USERS}add/", {**NEW, "groups": [role("viewer")], "is_superuser": "on"})
    assert not User.objects.get(username="eve").is_superuser


@pytest.mark.parametrize("page", ["change", "delete", "link", "withdraw", "toggle", "authenticator"])
def test_administrator_cannot_change_superuser(chief: Person, ada: Person, page: str) -> None:
    answer = chief.browser.post(f"{USERS}{ada.user.pk}/{page}/", {"post": "yes"})
    assert answer.status_code == 403
    assert User.objects.filter(username="ada").exists()


@pytest.mark.parametrize("page", ["delete", "link", "toggle", "authenticator"])
def test_no_one_locks_themselves_out(root: Person, chief: Person, page: str) -> None:
    for one in (root, chief):
        one.set_up()
        path = f"{USERS}{one.user.pk}/{page}/"
        state = known_state(one, f"{USERS}{one.user.pk}/change/")
        answer = one.browser.post(path, {"known_state": state}, follow=True)
        assert "do this to your own account." in answer.content.decode()
        one.user.refresh_from_db()
        assert (one.user.is_active, one.user.check_password(PASSWORD)) == (True, True)
        assert has_authenticator(one.user), "the page for one's own app asks for the password and a code"
        people = People(request_of(one.user))
        changes: dict[str, Callable[[User, str], object]] = {
            "delete": people.remove,
            "link": people.create_link,
            "toggle": partial(people.set_active, active=False),
            "authenticator": people.reset_authenticator,
        }
        with pytest.raises(Rejected, match="your own account"):
            changes[page](one.user, state_of(one.user))


def test_one_superuser_remains(root: Person, person: Any) -> None:
    form = form_of(root, root.user, groups=[role("viewer")])
    path = f"{USERS}{root.user.pk}/change/"
    assert "This is the last superuser" in root.browser.post(path, form).content.decode()
    invited = User.objects.create_superuser("new")
    assert "This is the last superuser" in root.browser.post(path, form).content.decode(), "one who can't sign in"
    invited.set_password(PASSWORD)
    invited.is_staff = False
    invited.save()
    assert "This is the last superuser" in root.browser.post(path, form).content.decode(), "one without the admin"
    invited.is_staff = True
    invited.save()
    assert root.browser.post(path, form).status_code == 302
    root.user.refresh_from_db()
    assert not root.user.is_superuser


@pytest.mark.django_db(transaction=True)
def test_two_superusers_cannot_deactivate_each_other(ada: Person, person: Any) -> None:
    """Both requests were let in before either changes anything."""
    users = [ada.user, person("bea", is_superuser=True).user]
    states = [state_of(user) for user in users]
    refused = list[str]()

    def run(number: int) -> None:
        try:
            People(request_of(users[number])).set_active(users[1 - number], states[1 - number], active=False)
        except Rejected as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
        # The database in memory that tests have on SQLite lets no two threads write.
        if connection.vendor == "sqlite":
            thread.join()
    for thread in threads:
        thread.join()
    assert refused == ["This is the last superuser who can sign in. Make another person a superuser first."]
    assert User.objects.filter(is_active=True).count() == 1
    assert Event.objects.filter(type="OperatorChanged").count() == 1


def test_stale_user_form_is_rejected(root: Person, chief: Person, person: Any) -> None:
    bob = person("bob", "viewer").user
    page = f"{USERS}{bob.pk}/change/"
    stale = form_of(chief, bob, email="bob@example.test")
    root.browser.post(page, form_of(root, bob, groups=[role("operator")]))
    toggle = f"{USERS}{bob.pk}/toggle/"
    root.browser.post(toggle, {"known_state": known_state(root, toggle)})
    before = Event.objects.count()
    answer = chief.browser.post(page, stale)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "bob was changed by user:ada at " in text
    assert "bob@example.test" in text, "what was typed is still there"
    bob.refresh_from_db()
    assert (bob.is_active, bob.groups.get().name, bob.email, Event.objects.count()) == (False, "operator", "", before)
    fresh = {**stale, "groups": [role("operator")], "known_state": known_state(chief, page)}
    assert chief.browser.post(page, fresh).status_code == 302


@pytest.mark.parametrize("page", ["toggle", "link", "withdraw", "authenticator", "delete"])
def test_stale_page_is_rejected(root: Person, person: Any, page: str) -> None:
    bob = person("bob", "viewer")
    path = f"{USERS}{bob.user.pk}/{page}/"
    stale = known_state(root, path)
    bob.user.set_password("another long pass phrase")
    bob.user.save()
    before = Event.objects.count()
    for state in (stale, ""):
        answer = root.browser.post(path, {"known_state": state})
        assert answer.status_code == 409
        assert "bob was changed" in answer.content.decode()
    bob.user.refresh_from_db()
    assert bob.user.is_active
    assert bob.user.check_password("another long pass phrase")
    assert Event.objects.count() == before


def test_deactivated_user_is_signed_out(root: Person, person: Any) -> None:
    bob = person("bob", "viewer")
    bob.sign_in()
    assert bob.may_enter()
    page = f"{USERS}{bob.user.pk}/toggle/"
    root.browser.post(page, {"known_state": known_state(root, page)})
    assert not bob.may_enter()
    assert bob.sign_in().status_code == 200


def test_removed_role_applies_to_next_request(root: Person, person: Any) -> None:
    nothing = Group.objects.create(name="nothing")
    bob = person("bob", "viewer")
    bob.sign_in()
    assert bob.browser.get("/admin/events/event/").status_code == 200
    root.browser.post(f"{USERS}{bob.user.pk}/change/", form_of(root, bob.user, groups=[nothing.pk]))
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


def test_list_shows_and_filters_states(root: Person, person: Any) -> None:
    person("bob", "operator", is_active=False)
    person("cat", "viewer").set_up()
    root.browser.post(f"{USERS}add/", {**NEW, "groups": [role("viewer")]})
    shown = root.browser.get(USERS).content.decode()
    for text in ("superuser", "deactivated", "invited", "link ends in 2 days", ">on<", " UTC", "never"):
        assert text in shown, text
    for state, names in (("active", ["ada", "cat"]), ("invited", ["eve"]), ("deactivated", ["bob"])):
        page = root.browser.get(USERS, {"state": state})
        assert [row.user.username for row in page.context["rows"]] == names
    assert [row.user.username for row in root.browser.get(USERS, {"q": "A"}).context["rows"]] == ["ada", "cat"]
    for wrong in ({"state": "x"}, {"password__startswith": "!"}, {"o": "1"}):
        assert root.browser.get(USERS, wrong).status_code == 400


def test_list_has_pages_and_few_queries(
    root: Person, person: Any, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr("console.people.person_list.PAGE", 3)
    for number in range(5):
        person(f"p{number}", "viewer")
    with django_assert_max_num_queries(12):
        first = root.browser.get(USERS)
    assert [row.user.username for row in first.context["rows"]] == ["ada", "p0", "p1"]
    assert "after=p1" in first.content.decode()
    assert [row.user.username for row in root.browser.get(f"{USERS}?after=p1").context["rows"]] == ["p2", "p3", "p4"]


def test_page_shows_abilities_in_words(root: Person, person: Any) -> None:
    bob = person("bob", "operator").user
    page = root.browser.get(f"{USERS}{bob.pk}/change/").content.decode()
    assert "<li>Issue keys</li>" in page
    assert "<li>Remove people</li>" not in page
    assert "Can add" not in page


def test_viewer_of_people_can_change_nothing(person: Any) -> None:
    watcher = person("watcher")
    watcher.user.user_permissions.add(Permission.objects.get(codename="view_user"))
    watcher.sign_in()
    bob = person("bob", "viewer").user
    page = f"{USERS}{bob.pk}/change/"
    text = watcher.browser.get(page).content.decode()
    for control in ("Save", "Create a one-time link", "Deactivate", "Remove", "Reset the authenticator app"):
        assert f">{control}<" not in text, control
    assert "Invite" not in watcher.browser.get(USERS).content.decode()
    for action in ("change", "toggle", "link", "withdraw", "authenticator", "delete"):
        assert watcher.browser.post(f"{USERS}{bob.pk}/{action}/").status_code == 403
    assert watcher.browser.post(f"{USERS}add/", NEW).status_code == 403
