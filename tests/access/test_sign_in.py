import pytest
from django.contrib.sessions.backends.db import SessionStore

from events.models import Event
from tests.access.people import PASSWORD, Person, browser

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str, dict[str, object]]]:
    return [(event.type, event.actor, event.data) for event in Event.objects.all()]


def test_sign_in_and_out_append_events(ada: Person) -> None:
    assert ada.sign_in()["Location"] == "/admin/"
    assert ada.may_enter()
    assert ada.browser.post("/admin/logout/").status_code == 200
    assert not ada.may_enter()
    assert told() == [
        ("OperatorSignedIn", "user:ada", {"address": "127.0.0.1", "second_factor": "none"}),
        ("OperatorSignedOut", "user:ada", {"because": "asked"}),
    ]


def test_session_key_changes_at_sign_in(ada: Person) -> None:
    planted = SessionStore()
    planted.create()
    ada.browser.cookies["sessionid"] = planted.session_key or ""
    ada.sign_in()
    during = ada.browser.cookies["sessionid"].value
    assert during != planted.session_key
    ada.browser.post("/admin/logout/")
    ada.browser.cookies["sessionid"] = during
    assert not ada.may_enter()


def test_same_response_for_every_failure(ada: Person) -> None:
    ada.set_up()
    ada.browser = browser()
    wrong = [
        ada.sign_in(password="wrong"),
        ada.sign_in(code="000000"),
        ada.sign_in(),
        ada.browser.post("/admin/login/", {"username": "nobody", "password": PASSWORD, "code": ""}),
    ]
    texts = {str(response.context["form"].non_field_errors()) for response in wrong}
    assert {response.status_code for response in wrong} == {200}
    assert len(texts) == 1


def test_same_response_for_user_without_staff(ada: Person) -> None:
    ada.user.is_staff = False
    ada.user.save()
    right = ada.sign_in().context["form"].non_field_errors()
    assert right == ada.sign_in(password="wrong").context["form"].non_field_errors()


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_impossible_name_is_rejected(ada: Person, name: str) -> None:
    response = ada.browser.post("/admin/login/", {"username": name, "password": PASSWORD})
    assert response.status_code == 200
    assert response.context["form"].errors


def test_failure_events_are_limited_and_hide_unknown_names(ada: Person) -> None:
    for name in ("ada", "ada", "hunter2-in-the-wrong-box", "another"):
        ada.browser.post("/admin/login/", {"username": name, "password": "hunter2"})
    assert told() == [
        ("OperatorSignInFailed", "system", {"name": "ada", "address": "127.0.0.1"}),
        ("OperatorSignInFailed", "system", {"name": "unknown", "address": "127.0.0.1"}),
    ]


def test_failure_events_are_limited_over_all_addresses(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access.sign_in_failures.MAX_PER_PERIOD", 3)
    for host in range(1, 6):
        ada.sign_in(password="wrong", REMOTE_ADDR=f"192.0.2.{host}")
    assert Event.objects.count() == 3


def test_sign_in_redirects_only_to_this_site(ada: Person) -> None:
    form = {"username": "ada", "password": PASSWORD, "code": ""}
    for elsewhere in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        answer = browser().post("/admin/login/", {**form, "next": elsewhere})
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_cookies_are_secure_and_http_only(ada: Person) -> None:
    ada.browser.get("/admin/login/")
    ada.sign_in()
    for name in ("sessionid", "csrftoken"):
        cookie = ada.browser.cookies[name]
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Strict"), name
