"""One-time links: they work once, for a while, and until they are withdrawn; their codes are shown once."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from pytest_django import Settings

from access.one_time_link import begin_link, link_end, link_url, user_of
from access.set_password import NewPasswordForm
from apikeys.address_limit import sign_in_limit
from events.models import Event
from tests.access.conftest import MakePerson
from tests.access.people import PASSWORD, Person, browser, code_on, known_state

pytestmark = pytest.mark.django_db
USERS = "/admin/auth/user/"
PAGE = "/admin/set-password/"
NEW = "another long pass phrase"
GONE = 410


@pytest.fixture
def root(ada: Person) -> Person:
    ada.sign_in()
    return ada


def invite(root: Person, name: str = "eve", role: str = "viewer") -> tuple[User, str]:
    """Invite somebody; return them and the code of their link."""
    page = root.browser.post(f"{USERS}add/", {"username": name, "groups": [Group.objects.get(name=role).pk]})
    assert "no-store" in page["Cache-Control"]
    return User.objects.get(username=name), code_on(page)


def act(root: Person, user: User, action: str) -> Any:
    """Confirm an action on the page of a person."""
    page = f"{USERS}{user.pk}/{action}/"
    return root.browser.post(page, {"known_state": known_state(root, page)})


def choose(code: str, password: str = NEW, repeated: str | None = None, **extra: Any) -> Any:
    """Submit the form as a person who has a link."""
    form = {"code": code, "new_password1": password, "new_password2": password if repeated is None else repeated}
    return browser().post(PAGE, form, **extra)


def test_invited_person_chooses_password_and_signs_in(root: Person) -> None:
    eve, code = invite(root)
    answer = choose(code)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/login/")
    event = Event.objects.latest("id")
    assert (event.actor, event.data) == ("user:eve", {"subject": "user:eve", "did": "password set with a link"})
    assert Person(eve, root.clock).sign_in(password=NEW).status_code == 302


def test_whole_link_can_be_pasted(root: Person) -> None:
    _, code = invite(root)
    assert choose(f"  {link_url(code)}\n").status_code == 302


def test_opening_page_does_not_use_link(root: Person) -> None:
    _, code = invite(root)
    for method in ("get", "head"):
        opened = getattr(browser(), method)(PAGE)
        assert opened.status_code == 200
        assert "no-store" in opened["Cache-Control"]
    assert choose(code).status_code == 302


def test_link_works_once(root: Person) -> None:
    eve, code = invite(root)
    choose(code)
    assert choose(code, "a third long pass phrase").status_code == GONE
    eve.refresh_from_db()
    assert eve.check_password(NEW)


def test_rejected_password_does_not_use_link(root: Person) -> None:
    _, code = invite(root)
    for answer in (choose(code, "short"), choose(code, NEW, "different phrase"), choose(code, "", "")):
        assert answer.status_code == 200
        assert code in answer.content.decode()
        assert "no-store" in answer["Cache-Control"]
        assert NEW not in answer.content.decode()
    assert choose(code).status_code == 302


def test_link_expires(root: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    eve, code = invite(root)
    end = link_end(eve)
    assert end is not None
    assert timedelta(hours=71) < end - timezone.now() < timedelta(hours=73)
    for moment, works in ((end - timedelta(seconds=1), True), (end, False)):
        monkeypatch.setattr("access.one_time_link.timezone.now", lambda moment=moment: moment)
        assert (user_of(code) == eve) is works


def test_token_expires_without_stored_end(root: Person, settings: Settings) -> None:
    _, code = invite(root)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert choose(code).status_code == GONE


def test_withdrawn_and_replaced_links_do_not_work(root: Person) -> None:
    eve, first = invite(root)
    second = code_on(act(root, eve, "link"))
    assert choose(first).status_code == GONE
    assert act(root, eve, "withdraw").status_code == 302
    assert Event.objects.latest("id").data == {"subject": "user:eve", "did": "one-time link withdrawn"}
    assert choose(second).status_code == GONE
    third = code_on(act(root, eve, "link"))
    assert choose(third).status_code == 302
    assert "has no link that could be withdrawn" in act(root, eve, "withdraw").content.decode()


def test_deactivation_ends_link(root: Person) -> None:
    eve, code = invite(root)
    act(root, eve, "toggle")
    assert choose(code).status_code == GONE
    assert "Activate the account first." in act(root, eve, "link").content.decode()
    act(root, eve, "toggle")
    assert choose(code).status_code == GONE


def test_link_of_deactivated_account_does_not_work(root: Person) -> None:
    """Also if the account was deactivated by a command, which leaves the link."""
    eve, code = invite(root)
    User.objects.filter(pk=eve.pk).update(is_active=False)
    assert choose(code).status_code == GONE


def test_changed_name_and_email_keep_link(root: Person) -> None:
    eve, code = invite(root)
    page = f"{USERS}{eve.pk}/change/"
    form = {"username": "eva", "email": "e@example.test", "groups": [eve.groups.get().pk]}
    assert root.browser.post(page, {**form, "known_state": known_state(root, page)}).status_code == 302
    assert choose(code).status_code == 302


def test_link_for_other_person_replaces_password(root: Person, person: Any) -> None:
    bob = person("bob", "viewer")
    bob.set_up()
    assert bob.may_enter()
    code = code_on(act(root, bob.user, "link"))
    data = Event.objects.latest("id").data
    assert data.pop("link_ends_at")
    assert data == {"subject": "user:bob", "did": "one-time link created"}
    assert not bob.may_enter(), "the sessions end with the password"
    bob.browser = browser()
    assert bob.sign_in(code=bob.code()).status_code == 200
    assert choose(code).status_code == 302
    assert bob.sign_in(password=NEW).status_code == 200, "the authenticator app is still needed"
    bob.clock.move(60)
    assert bob.sign_in(password=NEW, code=bob.code()).status_code == 302


def test_all_dead_links_get_same_page(root: Person) -> None:
    eve, used = invite(root)
    choose(used)
    other, withdrawn = invite(root, "other")
    act(root, other, "withdraw")
    pages = [
        choose(code)
        for code in (used, withdrawn, "", "x", "999-abc-def", f"{root.user.pk}-abc-def", "9" * 600, "\x00", "-", "1-")
    ]
    assert {page.status_code for page in pages} == {GONE}
    assert len({page.content for page in pages}) == 1
    assert "ask an administrator for another link" in pages[0].content.decode()
    eve.refresh_from_db()
    assert eve.check_password(NEW)


def test_code_of_one_person_is_not_that_of_another(root: Person) -> None:
    eve, code = invite(root)
    other, _ = invite(root, "other")
    assert choose(f"{other.pk}-{code.partition('-')[2]}").status_code == GONE
    other.password = User.objects.get(pk=eve.pk).password
    other.save()
    assert choose(f"{other.pk}-{code.partition('-')[2]}").status_code == GONE


def test_attempts_are_throttled_like_sign_ins(root: Person, settings: Settings) -> None:
    _, code = invite(root)
    settings.AUTH_FAILURE_LIMIT = '{"burst": 4, "per_seconds": 864000}'
    sign_in_limit.cache_clear()
    busy = {"REMOTE_ADDR": "192.0.2.9"}
    assert [choose("x", **busy).status_code for _ in range(5)] == [GONE] * 4 + [429]
    assert choose(code, **busy).status_code == 429
    assert choose(code).status_code == 302


def test_code_is_shown_once(root: Person, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    eve, code = invite(root)
    choose(code, "short")
    for page in (USERS, f"{USERS}{eve.pk}/change/", f"{USERS}{eve.pk}/link/", "/admin/events/event/", PAGE):
        assert code not in root.browser.get(page).content.decode(), page
    choose(code)
    token = code.partition("-")[2]
    kept = [str(row) for row in User.objects.values()] + [event.data_json for event in Event.objects.all()]
    assert not any(token in text for text in (*kept, caplog.text, *capfd.readouterr()))


def test_link_has_code_only_in_fragment(root: Person, settings: Settings) -> None:
    _, code = invite(root)
    address, _, fragment = link_url(code).partition("#")
    assert (address, fragment) == (f"{settings.PUBLIC_URL}{PAGE}", code)


def test_form_needs_csrf_token(root: Person) -> None:
    _, code = invite(root)
    strict = type(browser())(enforce_csrf_checks=True, headers={"accept": "text/html"})
    form = {"code": code, "new_password1": NEW, "new_password2": NEW}
    assert strict.post(PAGE, form).status_code == 403
    assert choose(code).status_code == 302


@pytest.mark.parametrize("change", ["withdraw", "link", "toggle"])
def test_link_that_ends_during_request_does_not_work(
    root: Person, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """While the password is hashed, which takes long, an administrator ends the link."""
    eve, code = invite(root)
    real = NewPasswordForm.save

    def save(self: NewPasswordForm, commit: bool = True) -> Any:
        act(root, eve, change)
        return real(self, commit)

    monkeypatch.setattr(NewPasswordForm, "save", save)
    assert choose(code).status_code == GONE
    eve.refresh_from_db()
    assert not eve.has_usable_password()


def test_two_requests_with_one_link(root: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find the link open. One of them sets the password."""
    eve, code = invite(root)
    real, answers = NewPasswordForm.save, list[Any]()

    def save(self: NewPasswordForm, commit: bool = True) -> Any:
        monkeypatch.setattr(NewPasswordForm, "save", real)
        answers.append(choose(code, "the quicker pass phrase"))
        return real(self, commit)

    monkeypatch.setattr(NewPasswordForm, "save", save)
    answers.append(choose(code))
    assert [answer.status_code for answer in answers] == [302, GONE]
    eve.refresh_from_db()
    assert eve.check_password("the quicker pass phrase")
    assert Event.objects.filter(data_json__contains="password set with a link").count() == 1


def test_password_without_link_is_no_link(root: Person) -> None:
    assert link_end(root.user) is None
    root.user.set_unusable_password()
    assert link_end(root.user) is None
    begin_link(root.user)
    assert link_end(root.user) is not None
    assert not root.user.check_password(PASSWORD)


def test_link_of_a_person_who_becomes_a_superuser_ends(root: Person, person: MakePerson) -> None:
    """An administrator who kept the link of a person that they invited would become a superuser with it."""
    bob = person("bob", "administrator")
    bob.sign_in()
    eve, code = invite(bob)
    page = f"{USERS}{eve.pk}/change/"
    form = {"known_state": known_state(root, page), "username": "eve", "is_superuser": "on"}
    saved = root.browser.post(page, form, follow=True)
    assert "The one-time link no longer works" in saved.content.decode()
    assert choose(code).status_code == GONE
    eve.refresh_from_db()
    assert (eve.is_superuser, link_end(eve)) == (True, None)
    assert Event.objects.latest("id").data == {"subject": "user:eve", "did": "one-time link withdrawn"}
    assert choose(code_on(act(root, eve, "link"))).status_code == 302


def test_link_survives_other_changes(root: Person) -> None:
    eve, code = invite(root)
    page = f"{USERS}{eve.pk}/change/"
    role = Group.objects.get(name="operator").pk
    root.browser.post(page, {"known_state": known_state(root, page), "username": "eva", "groups": [role]})
    assert choose(code).status_code == 302


@pytest.mark.parametrize("name", ["\uff45\uff56\uff45", "e\u0301ve", "\ufb01ona"])
def test_person_signs_in_with_the_name_that_was_typed(root: Person, name: str) -> None:
    """Compatibility and decomposed characters: the sign-in looks up the name in NFKC."""
    form = {"username": name, "groups": [Group.objects.get(name="viewer").pk]}
    assert choose(code_on(root.browser.post(f"{USERS}add/", form))).status_code == 302
    sign_in = {"username": name, "password": NEW, "code": ""}
    assert browser().post("/admin/login/?next=/admin/", sign_in).status_code == 302
